// SPDX-License-Identifier: Apache-2.0
// A host without an archive attests its own list in memory, with a real swtpm, over HTTPS, to the judge of
// src/verifier. Each step fails once, before and after it took effect; nothing may be lost, and nothing be deleted too
// early.

#include <cerrno>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attester/direct.h"
#include "keeper/faulty/faulty_ima_source.h"
#include "keeper/memory/memory_ima_source.h"
#include "support/scratch_directory.h"
#include "support/small_verifier.h"
#include "support/swtpm.h"
#include "support/test_clock.h"
#include "tpm/esys/esys_attestation_tpm.h"

namespace imakeep::test {
namespace {

using attester::DirectList;
using imalog::test::Content;
using imalog::test::must;
using keeper::CallPoint;
using keeper::ImaCall;
using keeper::ListPart;
using keeper::Method;
using testing::HasSubstr;

// Acts as a process that dies.
struct Killed {};

// A TPM that does not quote.
class NoQuotes : public tpm::AttestationTpm {
 public:
  explicit NoQuotes(tpm::AttestationTpm& inner) : inner_(inner) {}
  tpm::PcrBanks& pcrs() override { return inner_.pcrs(); }
  Result<tpm::SavedKey> make_key() override { return inner_.make_key(); }
  Result<tpm::EndorsementKey> endorsement_key() override { return inner_.endorsement_key(); }
  Result<Bytes> activate(const tpm::SavedKey& key, tpm::EkKind kind, const tpm::Credential& credential) override {
    return inner_.activate(key, kind, credential);
  }
  Result<tpm::SignedQuote> quote(const tpm::SavedKey&, ByteView, const std::vector<tpm::PcrSelection>&) override {
    return fail(ErrorCode::kEnvironment, "the TPM does not answer");
  }

 private:
  tpm::AttestationTpm& inner_;
};

class DirectHost : public testing::TestWithParam<Method> {
 protected:
  void SetUp() override {
    if (!Swtpm::installed()) GTEST_SKIP() << Swtpm::kNotInstalled;
    swtpm_ = must(Swtpm::start());
    tpm_ = must(tpm::EsysAttestationTpm::open(swtpm_->tcti()));
    key_ = must(tpm_->make_key());
    verifier_.enrol(key_, true);
    client_ = http::test::client_of(*verifier_.server);
    start_list();
  }
  void start_list() {
    ima_.list = std::make_unique<mlist::MeasurementList>(mlist::ListOptions{
        .banks = tpm_->pcrs().banks(), .extend = [this](std::uint32_t pcr, std::span<const digest::Digest> digests) {
          return in_flight_ ? Result<void>() : tpm_->pcrs().extend(pcr, digests);
        }});
    all_.clear();
  }

  void measure(int count, std::uint32_t pcr = 10) {
    for (int i = 0; i < count; ++i) {
      all_.push_back(imalog::test::ima_ng("/bin/" + std::to_string(all_.size()), pcr));
      must(ima_.list->append(all_.back().view()));
    }
  }

  Result<attester::Attestation> attest(Method method) { return attest(method, *tpm_); }
  Result<attester::Attestation> attest(Method method, tpm::AttestationTpm& tpm) {
    keeper::FaultyImaSource source(source_);
    source.watch(watch_);
    DirectList list(source, *client_, clock_,
                    {.method = method, .hold_limit_ms = 30'000, .state_directory = scratch_.path()});
    attester::Session session(*client_, tpm, clock_, {.host = kHost.host, .key = key_});
    auto outcome = list.attest(session);
    deleted_ = list.deleted();
    why_not_ = list.why_not();
    return outcome;
  }
  std::uint64_t deleted(Method method) {
    auto outcome = must(attest(method));
    if (const auto* const refused = std::get_if<attester::Refused>(&outcome)) {
      ADD_FAILURE() << refused->problem.reason << ": " << refused->problem.detail;
    }
    return deleted_;
  }
  // Attests, and dies where the watch throws.
  void die(Method method) { EXPECT_THROW(static_cast<void>(attest(method)), Killed); }

  mlist::ListCounters counters() const { return ima_.list->counters(); }
  std::uint64_t listed() const { return counters().current.records + counters().staged.records; }
  void expect_closed() const {
    EXPECT_EQ(ima_.mediation.readers(), 0u);
    EXPECT_EQ(ima_.mediation.writers(), 0u);
  }
  // What the verifier retains and what is in the list are every record once.
  void expect_nothing_lost() {
    const auto row = verifier_.row();
    const auto retained = must(verifier_.store.records(kHost, 1, 0, all_.size() + 1));
    EXPECT_EQ(retained.size(), row.proven);
    EXPECT_GE(row.proven + listed(), all_.size());
    for (std::size_t i = 0; i < retained.size(); ++i) {
      EXPECT_EQ(retained[i].number, i);
      const auto record = must(
          imalog::decode_record(retained[i].bytes, imalog::test::format_of(imalog::test::bank("sha256"), kHostOrder)));
      EXPECT_EQ(record.content(), all_[i].view()) << i;
      EXPECT_EQ(record.encoded_bytes, retained[i].bytes.size());
    }
  }

  std::unique_ptr<Swtpm> swtpm_;
  std::unique_ptr<tpm::EsysAttestationTpm> tpm_;
  tpm::SavedKey key_;
  SmallVerifier verifier_;
  std::unique_ptr<http::Client> client_;
  TestClock clock_;
  const ScratchDirectory scratch_;
  keeper::MemoryIma ima_;
  keeper::MemoryImaSource source_{ima_, 1, imalog::test::bank("sha256")};
  keeper::FaultyImaSource::Watch watch_;
  bool in_flight_ = false;
  std::vector<Content> all_;
  std::uint64_t deleted_ = 0;
  std::string why_not_;
};

TEST_P(DirectHost, DeletesWhatIsProvenAndRetainedIncrementByIncrement) {
  measure(5);
  EXPECT_EQ(deleted(GetParam()), 5u);
  EXPECT_EQ(listed(), 0u);
  measure(3);
  EXPECT_EQ(deleted(GetParam()), 3u);
  EXPECT_EQ(deleted(GetParam()), 0u) << "nothing new";
  EXPECT_EQ(verifier_.row().proven, 8u);
  expect_closed();
  expect_nothing_lost();
}

TEST_P(DirectHost, KeepsARecordThatIsNotExtendedYet) {
  measure(4);
  in_flight_ = true;
  measure(1);
  const std::uint64_t now = deleted(GetParam());
  EXPECT_EQ(now, GetParam() == Method::kCount ? 4u : 0u) << why_not_;
  EXPECT_EQ(verifier_.row().proven, 4u);
  EXPECT_EQ(listed(), 5u - now);
  expect_closed();
}

TEST_P(DirectHost, DoesNotOpenTheListOfAHostThatIsNotRetained) {
  must(verifier_.store.remove_host(kHost));
  verifier_.enrol(key_, false);
  measure(3);
  bool opened = false;
  watch_ = [&](ImaCall, CallPoint, const std::string&) -> std::optional<Error> {
    opened = true;
    return std::nullopt;
  };
  const auto outcome = attest(GetParam());
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("--retain"));
  EXPECT_FALSE(opened);
  EXPECT_EQ(verifier_.row().epoch, 0u);
}

TEST_P(DirectHost, DeletesNothingIfAnyCallFailsBeforeTheDeletion) {
  measure(3);
  bool gone = false;
  bool failed = true;
  for (int failing = 0; failed && failing < 300; ++failing) {
    int calls = 0;
    failed = false;
    watch_ = [&](ImaCall call, CallPoint point, const std::string& request) -> std::optional<Error> {
      const bool deletes = call == ImaCall::kRequest && request != "A\n";
      if (deletes && point == CallPoint::kAfter) gone = true;
      if (calls++ != failing) return std::nullopt;
      failed = true;
      const auto code = call == ImaCall::kRequest ? ErrorCode::kRefused : ErrorCode::kIo;
      return Error{.code = code, .message = "planned fault", .os_errno = ESTALE};
    };
    const auto outcome = attest(GetParam());
    EXPECT_EQ(listed(), gone ? 0u : 3u) << failing;
    expect_closed();
    expect_nothing_lost();
    EXPECT_TRUE(failed || outcome) << outcome.error().message;
  }
  EXPECT_FALSE(failed);
  EXPECT_TRUE(gone);
  // The list goes on after whatever the faults have left.
  watch_ = {};
  measure(1);
  static_cast<void>(deleted(GetParam()));
  static_cast<void>(deleted(GetParam()));
  EXPECT_EQ(listed(), 0u) << why_not_;
  expect_nothing_lost();
}

TEST_P(DirectHost, DeletesNothingWithoutAQuote) {
  measure(3);
  NoQuotes broken(*tpm_);
  EXPECT_FALSE(attest(GetParam(), broken));
  EXPECT_EQ(counters().current.records, 3u);
  EXPECT_EQ(verifier_.row().proven, 0u);
  expect_closed();
}

TEST_P(DirectHost, DeletesNothingIfTheVerifierIsAway) {
  measure(3);
  const auto to = std::move(client_);
  client_ =
      must(http::Client::make({.base_url = "https://127.0.0.1:1", .pin = "sha256//" + std::string(43, 'A') + "="}));
  EXPECT_FALSE(attest(GetParam()));
  EXPECT_EQ(counters().current.records, 3u);
  expect_closed();
}

TEST_P(DirectHost, DeletesNothingIfTheVerdictIsLostAndLaterAll) {
  measure(3);
  verifier_.on_judged = [] { return std::optional(http::Response{.status = 500}); };
  EXPECT_TRUE(std::holds_alternative<attester::Refused>(must(attest(GetParam()))));
  EXPECT_EQ(verifier_.row().proven, 3u);
  EXPECT_EQ(listed(), 3u);
  expect_closed();
  verifier_.on_judged = {};
  EXPECT_EQ(deleted(GetParam()), 3u) << why_not_;
  EXPECT_EQ(listed(), 0u);
  expect_nothing_lost();
}

TEST_P(DirectHost, DeletesNothingAfterTheHoldLimit) {
  measure(3);
  verifier_.on_judged = [this] {
    clock_.sleep_ms(30'001);
    return std::optional<http::Response>();
  };
  const auto outcome = attest(GetParam());
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("--hold-limit"));
  EXPECT_EQ(listed(), 3u);
  expect_closed();
  verifier_.on_judged = {};
  EXPECT_EQ(deleted(GetParam()), 3u);
}

TEST_P(DirectHost, DeletesNothingOfARefusedList) {
  measure(3);
  EXPECT_EQ(deleted(GetParam()), 3u);
  measure(3);
  must(ima_.list->delete_first(1));  // by somebody else
  const auto outcome = must(attest(GetParam()));
  ASSERT_TRUE(std::holds_alternative<attester::Refused>(outcome));
  EXPECT_EQ(std::get<attester::Refused>(outcome).problem.reason, "log-mismatch");
  EXPECT_EQ(listed(), 2u);
  EXPECT_EQ(verifier_.row().proven, 3u);
  expect_closed();
}

TEST_P(DirectHost, FindsWhereTheListBeginsAfterItDied) {
  measure(3);
  static_cast<void>(deleted(GetParam()));
  for (const CallPoint at : {CallPoint::kBefore, CallPoint::kAfter}) {
    measure(2);
    watch_ = [at](ImaCall call, CallPoint point, const std::string& request) -> std::optional<Error> {
      if (call == ImaCall::kRequest && request != "A\n" && point == at) throw Killed();
      return std::nullopt;
    };
    die(GetParam());
    expect_closed();
    watch_ = {};
    EXPECT_EQ(listed(), at == CallPoint::kBefore ? 2u : 0u);
    static_cast<void>(deleted(GetParam()));
    measure(1);  // tells for sure where the list begins
    static_cast<void>(deleted(GetParam()));
    static_cast<void>(deleted(GetParam()));
    EXPECT_EQ(listed(), 0u) << why_not_;
    EXPECT_EQ(verifier_.row().proven, all_.size());
    expect_nothing_lost();
  }
}

TEST_P(DirectHost, KnowsWhereTheListBeginsThoughItDiedDuringADeletion) {
  measure(3);
  watch_ = [](ImaCall call, CallPoint point, const std::string& request) -> std::optional<Error> {
    if (call == ImaCall::kRequest && request != "A\n" && point == CallPoint::kAfter) throw Killed();
    return std::nullopt;
  };
  die(GetParam());
  watch_ = {};
  EXPECT_EQ(listed(), 0u);
  measure(2);
  verifier_.on_judged = [] { return std::optional(http::Response{.status = 500}); };
  must(attest(GetParam()));
  EXPECT_EQ(listed(), 2u);
  verifier_.on_judged = {};
  EXPECT_EQ(deleted(GetParam()), 2u) << why_not_;
  expect_nothing_lost();
}

// Linux adds equal records if it keeps no table, and violations always.
TEST_P(DirectHost, DeletesNothingWhileTheQuoteDoesNotTellWhetherARecordIsANewOne) {
  std::vector<digest::Digest> last;
  ima_.list = std::make_unique<mlist::MeasurementList>(
      mlist::ListOptions{.banks = tpm_->pcrs().banks(),
                         .table = mlist::TableMode::kNone,
                         .extend = [&](std::uint32_t pcr, std::span<const digest::Digest> digests) {
                           last.assign(digests.begin(), digests.end());
                           return in_flight_ ? Result<void>() : tpm_->pcrs().extend(pcr, digests);
                         }});
  measure(1);
  watch_ = [](ImaCall call, CallPoint point, const std::string& request) -> std::optional<Error> {
    if (call == ImaCall::kRequest && request != "A\n" && point == CallPoint::kAfter) throw Killed();
    return std::nullopt;
  };
  die(GetParam());
  watch_ = {};
  EXPECT_EQ(listed(), 0u);
  in_flight_ = true;
  all_.push_back(all_.front());
  must(ima_.list->append(all_.back().view()));
  EXPECT_EQ(deleted(GetParam()), 0u);
  EXPECT_THAT(why_not_, HasSubstr("0 or 1"));
  EXPECT_EQ(listed(), 1u);
  must(tpm_->pcrs().extend(10, last));
  EXPECT_EQ(deleted(GetParam()), 1u) << why_not_;
  EXPECT_EQ(verifier_.row().proven, 2u);
  expect_nothing_lost();
}

TEST_P(DirectHost, SendsWhatAnEarlierOneHadStaged) {
  measure(3);
  watch_ = [](ImaCall call, CallPoint point, const std::string&) -> std::optional<Error> {
    if (call == ImaCall::kRequest && point == CallPoint::kAfter) throw Killed();
    return std::nullopt;
  };
  die(Method::kStage);
  watch_ = {};
  EXPECT_EQ(counters().staged.records, 3u);
  measure(2);
  EXPECT_EQ(deleted(GetParam()), 3u);
  EXPECT_EQ(verifier_.row().proven, 5u);
  EXPECT_EQ(deleted(GetParam()), 2u);
  expect_nothing_lost();
}

TEST_P(DirectHost, DeletesNoStagedListThatAnotherProcessHasReplaced) {
  measure(3);
  must(ima_.list->stage());
  measure(2);
  verifier_.on_judged = [this] {
    must(ima_.list->delete_staged());
    must(ima_.list->stage());
    return std::optional<http::Response>();
  };
  const auto outcome = attest(GetParam());
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("another process"));
  EXPECT_EQ(counters().staged.records, 2u);
  expect_closed();
}

TEST_P(DirectHost, TakesTheVerifiersWordForTheBeginningIfItsOwnIsLost) {
  measure(3);
  EXPECT_EQ(deleted(GetParam()), 3u);
  std::filesystem::remove(scratch_.file("direct.json"));
  measure(2);
  EXPECT_EQ(deleted(GetParam()), 2u);
  measure(1);
  EXPECT_EQ(deleted(GetParam()), 1u);
  expect_nothing_lost();
}

TEST_P(DirectHost, DeletesInPartsWhatTheVerifierRetainsInParts) {
  verifier_.settings.most_retained_bytes = 200;
  measure(5);
  for (int i = 0; i < 5 && listed() > 0; ++i) static_cast<void>(deleted(GetParam()));
  EXPECT_EQ(listed(), 0u) << why_not_;
  expect_nothing_lost();
}

TEST_P(DirectHost, BeginsAtZeroAfterATpmReset) {
  measure(3);
  EXPECT_EQ(deleted(GetParam()), 3u);
  tpm_.reset();
  must(swtpm_->restart());
  tpm_ = must(tpm::EsysAttestationTpm::open(swtpm_->tcti()));
  start_list();
  measure(2);
  EXPECT_EQ(deleted(GetParam()), 2u);
  EXPECT_EQ(must(verifier_.store.records(kHost, 2, 0, 9)).size(), 2u);
}

TEST_P(DirectHost, WaitsForOthersThatHaveTheListOpen) {
  measure(3);
  keeper::MemoryImaSource other(ima_, 2, imalog::test::bank("sha256"));
  must(other.open_to_read());
  const auto outcome = attest(GetParam());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().os_errno, EBUSY);
  other.close();
  EXPECT_EQ(deleted(GetParam()), 3u);
}

INSTANTIATE_TEST_SUITE_P(ByMethod, DirectHost, testing::Values(Method::kCount, Method::kStage),
                         [](const auto& method) { return method.param == Method::kCount ? "Count" : "Stage"; });

TEST_F(DirectHost, StagesOnceTheKernelHasRefusedANumber) {
  ima_.list = std::make_unique<mlist::MeasurementList>(
      mlist::ListOptions{.banks = tpm_->pcrs().banks(),
                         .table = mlist::TableMode::kFlushed,
                         .extend = [this](std::uint32_t pcr, std::span<const digest::Digest> digests) {
                           return tpm_->pcrs().extend(pcr, digests);
                         }});
  measure(3);
  DirectList list(source_, *client_, clock_, {.state_directory = scratch_.path()});
  attester::Session session(*client_, *tpm_, clock_, {.host = kHost.host, .key = key_});
  const auto refused = list.attest(session);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().os_errno, EINVAL);
  EXPECT_EQ(listed(), 3u);
  must(list.attest(session));
  EXPECT_EQ(list.deleted(), 3u);
  EXPECT_EQ(listed(), 0u);
  expect_nothing_lost();
}

}  // namespace
}  // namespace imakeep::test
