// SPDX-License-Identifier: Apache-2.0
// Random logs, kernels that extend banks in every known way, start values, PCR values and quotes: check_log() over a
// list and over an archive calls those records proven that a naive oracle calls proven, one by one, and so does a
// keeper that has the log before it. The environment's IMAKEEP_PROOF_CASES is the number of cases, IMAKEEP_PROOF_SEED
// the first one's seed.
#include <cstdlib>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "archive/memory/memory_store.h"
#include "archive/test_support.h"
#include "attest/log_check.h"
#include "attest/test_support.h"
#include "imalog/test_support.h"
#include "keeper/keeper.h"
#include "keeper/memory/memory_ima_source.h"
#include "output/archive_log.h"
#include "support/scratch_directory.h"
#include "support/test_clock.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep::attest {
namespace proof_suite_test {

using digest::Digest;
using imalog::PcrValue;
using imalog::test::Content;

// ---- the oracle -----------------------------------------------------------------------------------------------------

// How the kernel of a case extends a bank; written here once more, so that the code under test is not asked.
enum class Kernel : std::uint8_t { kNative, kPadded, kPaddedShort, kInvalidated };

Digest filled_front(std::size_t bytes, std::size_t front, int value) {
  Bytes all(bytes);
  std::fill_n(all.begin(), front, static_cast<std::byte>(value));
  return Digest(ByteView(all));
}

Digest extended_by(Kernel kernel, const Content& record, const digest::Bank& bank) {
  const std::size_t bytes = bank.digest_bytes();
  if (kernel == Kernel::kInvalidated) return filled_front(bytes, bytes, 0xfe);
  if (record.violation) return filled_front(bytes, kernel == Kernel::kPaddedShort ? 20 : bytes, 0xff);
  if (kernel == Kernel::kNative) return digest::hash(bank.algorithm, record.body);
  Bytes padded(bytes);
  const Digest sha1 = digest::hash(digest::Algorithm::kSha1, record.body);
  std::ranges::copy(sha1.view(), padded.begin());
  return Digest(ByteView(padded));
}

struct Case {
  std::vector<Content> log;
  std::map<digest::Algorithm, Kernel> kernel;  // how each bank is extended
  std::vector<PcrValue> start;                 // empty: zero
  Expected expected;

  bool names(std::uint32_t pcr) const {
    return std::ranges::any_of(log, [&](const Content& record) { return record.pcr == pcr; });
  }
};

// Replays without any of the code under test, but for hashing.
Digest naive_value(const Case& of, std::size_t prefix, const digest::Bank& bank, std::uint32_t pcr, Kernel kernel) {
  Digest value(bank.digest_bytes());
  for (const PcrValue& start : of.start) {
    if (start.bank == bank && start.pcr == pcr) value = start.value;
  }
  for (std::size_t i = 0; i < prefix; ++i) {
    if (of.log[i].pcr != pcr) continue;
    value = digest::hash(bank.algorithm, {value.view(), extended_by(kernel, of.log[i], bank).view()});
  }
  return value;
}

Digest true_value(const Case& of, std::size_t prefix, const digest::Bank& bank, std::uint32_t pcr) {
  return naive_value(of, prefix, bank, pcr, of.kernel.at(bank.algorithm));
}

bool as_natively(const Case& of, std::size_t prefix, const digest::Bank& bank, std::uint32_t pcr) {
  return naive_value(of, prefix, bank, pcr, Kernel::kNative) == true_value(of, prefix, bank, pcr);
}

// A prefix of `least` records or more whose replay matches the quote's digest.
std::optional<std::size_t> quote_match_from(const Case& of, std::size_t least) {
  for (std::size_t prefix = least; prefix <= of.log.size(); ++prefix) {
    Bytes joined;
    for (const tpm::PcrSelection& selection : of.expected.quote->selections) {
      for (const std::uint32_t pcr : selection.pcrs) {
        Digest value = true_value(of, prefix, selection.bank, pcr);
        for (const PcrValue& given : of.expected.values) {
          if (!of.names(pcr) && given.pcr == pcr && given.bank == selection.bank) value = given.value;
        }
        append_bytes(joined, value.view());
      }
    }
    if (equal(digest::hash(of.expected.quote->hash, joined).view(), of.expected.quote->digest)) return prefix;
  }
  return std::nullopt;
}

std::optional<std::size_t> value_match_from(const Case& of, const PcrValue& value, std::size_t least) {
  for (std::size_t prefix = least; prefix <= of.log.size(); ++prefix) {
    if (true_value(of, prefix, value.bank, value.pcr) == value.value) return prefix;
  }
  return std::nullopt;
}

bool quoted(const Case& of, const digest::Bank& bank, std::uint32_t pcr) {
  if (!of.expected.quote) return false;
  for (const tpm::PcrSelection& selection : of.expected.quote->selections) {
    if (selection.bank == bank && std::ranges::find(selection.pcrs, pcr) != selection.pcrs.end()) return true;
  }
  return false;
}

// The records that a match proves. A bank that was invalidated proves nothing once a record was extended into it.
enum class Worth : std::uint8_t { kNothing, kSha1, kOwnHash };

Worth worth_of(const Case& of, const digest::Bank& bank, bool natively) {
  if (natively) return bank.algorithm == digest::Algorithm::kSha1 ? Worth::kSha1 : Worth::kOwnHash;
  return of.kernel.at(bank.algorithm) == Kernel::kInvalidated ? Worth::kNothing : Worth::kSha1;
}

Worth worth_of_quoted_bank(const Case& of, const tpm::PcrSelection& selection) {
  const auto match = quote_match_from(of, 0);
  const bool natively = !match || std::ranges::all_of(selection.pcrs, [&](std::uint32_t pcr) {
    return !of.names(pcr) || as_natively(of, *match, selection.bank, pcr);
  });
  return worth_of(of, selection.bank, natively);
}

Worth worth_of_value(const Case& of, const PcrValue& value) {
  const auto match = value_match_from(of, value, 0);
  return worth_of(of, value.bank, !match || as_natively(of, *match, value.bank, value.pcr));
}

// The strength of each bank that was quoted or given for the PCR.
std::vector<Worth> worths(const Case& of, std::uint32_t pcr) {
  std::vector<Worth> all;
  for (const PcrValue& value : of.expected.values) {
    if (value.pcr == pcr && !quoted(of, value.bank, pcr)) all.push_back(worth_of_value(of, value));
  }
  if (!of.expected.quote) return all;
  for (const tpm::PcrSelection& selection : of.expected.quote->selections) {
    if (quoted(of, selection.bank, pcr)) all.push_back(worth_of_quoted_bank(of, selection));
  }
  return all;
}

// Whether a quoted bank says anything of the PCR.
bool quote_speaks_of(const Case& of, std::uint32_t pcr) {
  return of.expected.quote && std::ranges::any_of(of.expected.quote->selections, [&](const auto& selection) {
           return std::ranges::find(selection.pcrs, pcr) != selection.pcrs.end() &&
                  worth_of_quoted_bank(of, selection) != Worth::kNothing;
         });
}

// Whether everything that speaks of the PCR matches a prefix of `least` records or more, and anything does.
bool pcr_matches_from(const Case& of, std::uint32_t pcr, std::size_t least) {
  bool any = false;
  if (quote_speaks_of(of, pcr)) {
    if (!quote_match_from(of, least)) return false;
    any = true;
  }
  for (const PcrValue& value : of.expected.values) {
    if (value.pcr != pcr || quoted(of, value.bank, pcr) || worth_of_value(of, value) == Worth::kNothing) continue;
    if (!value_match_from(of, value, least)) return false;
    any = true;
  }
  return any;
}

enum class Verdict : std::uint8_t { kProven, kAfterMatch, kUnproven };

Verdict verdict_of(const Case& of, std::size_t record) {
  const std::uint32_t pcr = of.log[record].pcr;
  if (pcr_matches_from(of, pcr, record + 1)) return Verdict::kProven;
  return pcr_matches_from(of, pcr, 0) ? Verdict::kAfterMatch : Verdict::kUnproven;
}

bool only_sha1_speaks_of(const Case& of, std::uint32_t pcr) {
  return std::ranges::none_of(worths(of, pcr), [](Worth worth) { return worth == Worth::kOwnHash; });
}

// ---- random cases ---------------------------------------------------------------------------------------------------

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(engine_); }
  bool percent(std::size_t chance) { return below(100) < chance; }
  template <class T>
  std::vector<T> some(std::vector<T> of, std::size_t least) {
    std::shuffle(of.begin(), of.end(), engine_);
    of.resize(least + below(of.size() + 1 - least));
    return of;
  }

 private:
  std::mt19937_64 engine_;
};

std::vector<Content> random_log(Random& random, const std::vector<std::uint32_t>& pcrs) {
  std::vector<Content> log;
  const std::size_t records = random.below(random.percent(5) ? 80 : 16);
  const std::size_t equal_percent = random.percent(10) ? 95 : 25;  // long runs of equal records
  for (std::size_t i = 0; i < records; ++i) {
    if (i > 0 && random.percent(equal_percent)) {
      log.push_back(log.back());
    } else {
      log.push_back(imalog::test::ima_ng("/" + std::to_string(random.below(5)), pcrs[random.below(pcrs.size())]));
      log.back().violation = random.percent(15);
    }
  }
  return log;
}

// As one kernel extends them: a kernel before 5.8, or one that lacks some hashes.
std::map<digest::Algorithm, Kernel> random_kernel(Random& random, const std::vector<digest::Bank>& banks) {
  const std::size_t kind = random.below(4);
  std::map<digest::Algorithm, Kernel> kernel;
  for (const digest::Bank& bank : banks) {
    const bool sha1 = bank.algorithm == digest::Algorithm::kSha1;
    Kernel& of_bank = kernel[bank.algorithm];
    of_bank = Kernel::kNative;
    if (bank.padded()) of_bank = Kernel::kPaddedShort;  // Linux cannot name it
    if (kind == 1 && !sha1) of_bank = Kernel::kPaddedShort;
    if (kind == 2 && !sha1 && !bank.padded() && random.percent(60)) of_bank = Kernel::kPadded;
    if (kind == 3 && random.percent(60)) of_bank = Kernel::kInvalidated;
  }
  return kernel;
}

// Of a prefix, or of none.
Digest random_value(Random& random, const Case& of, const digest::Bank& bank, std::uint32_t pcr) {
  if (random.percent(8)) return Digest::filled(bank.digest_bytes(), std::byte{0x5a});
  const std::size_t prefix = random.percent(50) ? of.log.size() : random.below(of.log.size() + 1);
  return true_value(of, prefix, bank, pcr);
}

// Over at least one PCR of the log. Adds the values of its PCRs that no record names.
void add_quote(Random& random, Case& of, const std::vector<digest::Bank>& banks,
               const std::vector<std::uint32_t>& pcrs) {
  if (of.log.empty() || !random.percent(50)) return;
  QuotedPcrs quote;
  Bytes joined;
  const std::size_t prefix = random.percent(40) ? of.log.size() : random.below(of.log.size() + 1);
  for (const digest::Bank& bank : random.some(banks, 1)) {
    std::vector<std::uint32_t> selected = random.some(pcrs, 0);
    if (quote.selections.empty()) selected.push_back(of.log[random.below(of.log.size())].pcr);
    std::ranges::sort(selected);
    selected.erase(std::unique(selected.begin(), selected.end()), selected.end());
    for (const std::uint32_t pcr : selected) {
      Digest value = true_value(of, prefix, bank, pcr);
      if (!of.names(pcr)) {
        std::erase_if(of.expected.values, [&](const PcrValue& v) { return v.bank == bank && v.pcr == pcr; });
        value = Digest::filled(bank.digest_bytes(), std::byte{7});
        of.expected.values.push_back({.bank = bank, .pcr = pcr, .value = value});
      }
      append_bytes(joined, value.view());
    }
    quote.selections.push_back({.bank = bank, .pcrs = selected});
  }
  const Digest digest = digest::hash(quote.hash, joined);
  quote.digest.assign(digest.view().begin(), digest.view().end());
  if (random.percent(8)) quote.digest[0] ^= std::byte{1};
  of.expected.quote = std::move(quote);
}

// Something else extended PCRs of the log before its first record.
void add_start(Random& random, Case& of, const std::vector<digest::Bank>& banks,
               const std::vector<std::uint32_t>& pcrs) {
  if (!random.percent(20)) return;
  for (const std::uint32_t pcr : pcrs) {
    if (!of.names(pcr) || !random.percent(70)) continue;
    for (const digest::Bank& bank : banks) {
      of.start.push_back(
          {.bank = bank, .pcr = pcr, .value = digest::hash(bank.algorithm, as_bytes(std::to_string(pcr)))});
    }
  }
}

Case random_case(std::uint64_t seed) {
  Random random(seed);
  auto banks = random.some(imalog::test::banks("sha1,sha256,sha384,sha512,tpm_alg_27"), 1);
  banks.resize(std::min<std::size_t>(banks.size(), 4));
  const std::vector<std::uint32_t> all{10, 11, 12, 8};
  auto pcrs = random.some(all, 1);
  pcrs.resize(std::min<std::size_t>(pcrs.size(), 3));
  Case made;
  made.log = random_log(random, pcrs);
  made.kernel = random_kernel(random, banks);
  add_start(random, made, banks, pcrs);
  const std::size_t given_percent = random.below(101);
  for (const digest::Bank& bank : banks) {
    for (const std::uint32_t pcr : all) {
      if (!random.percent(given_percent)) continue;
      made.expected.values.push_back({.bank = bank, .pcr = pcr, .value = random_value(random, made, bank, pcr)});
    }
  }
  add_quote(random, made, banks, all);
  return made;
}

// The banks that a keeper compares: a kernel that invalidates one says nothing by it, and Linux shows no list of one
// that it cannot name.
std::vector<digest::Bank> kept_banks(const Case& of) {
  static const std::map<Kernel, digest::Fill> kFills = {{Kernel::kNative, digest::Fill::kOwnHash},
                                                        {Kernel::kPadded, digest::Fill::kPaddedSha1},
                                                        {Kernel::kPaddedShort, digest::Fill::kPaddedSha1Short}};
  std::vector<digest::Bank> banks;
  for (const auto& [algorithm, kernel] : of.kernel) {
    const bool named = digest::bank_of(algorithm).fill == digest::Fill::kOwnHash;
    if (named && kernel != Kernel::kInvalidated) banks.push_back({.algorithm = algorithm, .fill = kFills.at(kernel)});
  }
  return banks;
}

// The values of all PCRs of a log that does not change: at its end, at an earlier moment or at several moments.
std::vector<PcrValue> random_pcrs(Random& random, const Case& of, const std::vector<digest::Bank>& banks) {
  const bool several = random.percent(30);
  const std::size_t prefix = random.percent(60) ? of.log.size() : random.below(of.log.size() + 1);
  std::vector<PcrValue> values;
  for (const digest::Bank& bank : banks) {
    const digest::Bank plain = digest::bank_of(bank.algorithm);
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) {
      if (!of.names(pcr)) continue;
      const Digest value = several ? random_value(random, of, plain, pcr) : true_value(of, prefix, plain, pcr);
      values.push_back({.bank = plain, .pcr = pcr, .value = value});
    }
  }
  return values;
}

// ---- the comparison -------------------------------------------------------------------------------------------------

struct Counts {
  std::uint64_t proven = 0;
  std::uint64_t after_match = 0;
  std::uint64_t unproven = 0;

  friend bool operator==(const Counts&, const Counts&) = default;
};

void PrintTo(const Counts& counts, std::ostream* to) {
  *to << counts.proven << " proven, " << counts.after_match << " after the match, " << counts.unproven << " unproven";
}

Counts counts_of(const Case& of, std::optional<std::uint32_t> pcr) {
  Counts counts;
  for (std::size_t i = 0; i < of.log.size(); ++i) {
    if (pcr && of.log[i].pcr != *pcr) continue;
    const Verdict verdict = verdict_of(of, i);
    counts.proven += verdict == Verdict::kProven ? 1 : 0;
    counts.after_match += verdict == Verdict::kAfterMatch ? 1 : 0;
    counts.unproven += verdict == Verdict::kUnproven ? 1 : 0;
  }
  return counts;
}

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void compare(const Case& of, const LogCheck& checked) {
  const Counts expected = of.expected.anything() ? counts_of(of, std::nullopt) : Counts{};
  EXPECT_EQ((Counts{checked.proven.value_or(0), checked.after_match, checked.unproven}), expected);
  for (const PcrProof& proof : checked.pcrs) {
    SCOPED_TRACE("PCR " + std::to_string(proof.pcr));
    EXPECT_EQ((Counts{proof.proven, proof.after_match(), proof.unproven()}), counts_of(of, proof.pcr));
    EXPECT_EQ(proof.weak, proof.proven > 0 && only_sha1_speaks_of(of, proof.pcr));
  }
  if (!of.expected.anything()) return;
  const bool nothing_or_not_all = expected.proven == 0 || expected.unproven > 0;
  EXPECT_TRUE(checked.problem || !nothing_or_not_all);
}

// A keeper, the list that it keeps, and the values of a TPM.
class Kept {
 public:
  Kept(const Case& of, const std::vector<digest::Bank>& banks, ByteOrder order) {
    ima_.list = std::make_unique<mlist::MeasurementList>(
        mlist::ListOptions{.banks = banks, .table = mlist::TableMode::kNone, .order = order});
    for (const Content& record : of.log) test::must(ima_.list->append(record.view()));
    digest::PcrState state(banks);
    for (const PcrValue& value : of.expected.values) {
      const auto bank = std::ranges::find(banks, value.bank.algorithm, &digest::Bank::algorithm);
      state.set(static_cast<std::size_t>(bank - banks.begin()), value.pcr, value.value);
    }
    pcrs_.emplace(std::move(state));
    source_.emplace(ima_, 1, banks.front());
    keeper_.emplace(*source_, archive_, &*pcrs_, clock_, keeper::KeeperOptions{.start = of.start});
  }

  keeper::FollowResult follow() { return test::must(keeper_->follow()); }
  std::uint64_t proven() {
    const auto chain = test::must(archive_.chain_or_last(std::nullopt));
    const auto row = chain ? test::must(archive_.list(chain->chain)) : std::nullopt;
    return row ? row->proven : 0;
  }
  std::uint64_t trimmed() {
    const auto trimmed = keeper_->trim();
    return trimmed ? trimmed->records : 0;
  }

 private:
  keeper::MemoryIma ima_;
  archive::MemoryStore store_;
  archive::Archive archive_{store_};
  imakeep::test::TestClock clock_;
  std::optional<tpm::SoftPcrBanks> pcrs_;
  std::optional<keeper::MemoryImaSource> source_;
  std::optional<keeper::Keeper> keeper_;
};

class ProofSuite : public testing::Test {
 protected:
  ProofSuite() { store_ = test::must(archive::SqliteStore::open(path_, archive::OpenMode::kCreate)); }

  static std::optional<imalog::PcrState> start_of(const Case& of) {
    if (of.start.empty()) return std::nullopt;
    return test::must(start_state(of.start, of.expected));
  }

  static LogCheck check_list(const Case& of, const Bytes& list, const digest::Bank& shown) {
    ListLog log({"list"}, test::in_memory([&](const std::string&) -> Result<Bytes> { return list; }), shown);
    return test::must(check_log(log, of.expected, start_of(of)));
  }

  // Of a chain of its own.
  LogCheck check_archive(const Case& of, const Bytes& list, const imalog::ListFormat& format) {
    archive::Archive archive(*store_);
    const digest::Bank& shown = format.bank;
    const auto chain = test::must(archive.begin_chain({shown}, archive::ChainStart::kBoot, format.order)).chain;
    std::vector<archive::IncomingView> records;
    for (const imalog::RecordView& record : imalog::test::records_of(list, format.record_format())) {
      records.push_back({.content = record.content(), .shown = record.digest});
    }
    test::must(archive.append(chain, 0, records, shown, 0));
    const auto log = test::must(output::ArchiveLog::open(path_, chain));
    const bool started = !of.start.empty();
    return test::must(check_log(*log, of.expected, start_of(of), log->replay_limit(started)));
  }

 private:
  const imakeep::test::ScratchDirectory directory_{imakeep::test::ScratchDirectory::in_memory()};
  const std::string path_ = directory_.file("archive");
  std::unique_ptr<archive::SqliteStore> store_;
};

TEST_F(ProofSuite, CallsThoseRecordsProvenThatTheOracleCallsProven) {
  const std::uint64_t cases = number_from_environment("IMAKEEP_PROOF_CASES", 500);
  const std::uint64_t first = number_from_environment("IMAKEEP_PROOF_SEED", 1);
  for (std::uint64_t seed = first; seed < first + cases && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Case of = random_case(seed);
    const digest::Bank shown = imalog::test::bank(seed % 2 == 0 ? "sha1" : "sha256");
    const ByteOrder order = seed % 3 == 0 ? ByteOrder::kBig : ByteOrder::kLittle;
    const Bytes list = imalog::test::list_of(of.log, shown, order);
    {
      SCOPED_TRACE("list");
      compare(of, check_list(of, list, shown));
    }
    SCOPED_TRACE("archive");
    compare(of, check_archive(of, list, {.bank = shown, .order = order}));
  }
}

// The keeper deletes records, so it asks for more: it proves all of a list or nothing.
TEST_F(ProofSuite, TheKeeperCallsAListProvenThatTheOracleCallsProven) {
  const std::uint64_t cases = number_from_environment("IMAKEEP_PROOF_CASES", 500);
  const std::uint64_t first = number_from_environment("IMAKEEP_PROOF_SEED", 1);
  std::uint64_t proven_lists = 0;
  std::uint64_t unproven_lists = 0;
  for (std::uint64_t seed = first; seed < first + cases && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Case of = random_case(seed);
    const auto banks = kept_banks(of);
    if (banks.empty() || of.log.empty()) continue;
    Random random(seed);
    of.expected = {.values = random_pcrs(random, of, banks)};
    const Counts counts = counts_of(of, std::nullopt);
    const bool proven = counts.proven == of.log.size();
    ++(proven ? proven_lists : unproven_lists);
    const digest::Bank shown = imalog::test::bank("sha1");
    compare(of, check_list(of, imalog::test::list_of(of.log, shown, kHostOrder), shown));
    Kept kept(of, banks, seed % 3 == 0 ? ByteOrder::kBig : ByteOrder::kLittle);
    EXPECT_EQ(kept.follow().proven, proven);
    EXPECT_EQ(kept.proven(), proven ? of.log.size() : 0);
    EXPECT_EQ(kept.trimmed() > 0, proven && of.log.size() > 1);
  }
  if (cases < 100) return;
  EXPECT_GT(proven_lists, cases / 10);
  EXPECT_GT(unproven_lists, cases / 10);
}

// A suite that meets none of these tests nothing.
TEST_F(ProofSuite, MeetsEveryKindOfVerdict) {
  std::uint64_t proven = 0;
  std::uint64_t after_match = 0;
  std::uint64_t unproven = 0;
  std::uint64_t mixed = 0;
  std::uint64_t by_quote = 0;
  std::uint64_t padded = 0;
  std::uint64_t invalidated = 0;
  std::uint64_t started = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Case made = random_case(seed);
    const Counts counts = counts_of(made, std::nullopt);
    proven += counts.proven;
    after_match += counts.after_match;
    unproven += counts.unproven;
    if (counts.proven > 0 && counts.unproven > 0) ++mixed;
    if (made.expected.quote && counts.proven > 0) ++by_quote;
    const auto has = [&](Kernel kernel) {
      return std::ranges::any_of(made.kernel, [&](const auto& of) { return of.second == kernel; });
    };
    if (counts.proven > 0 && (has(Kernel::kPadded) || has(Kernel::kPaddedShort))) ++padded;
    if (counts.proven > 0 && has(Kernel::kInvalidated)) ++invalidated;
    if (counts.proven > 0 && !made.start.empty()) ++started;
  }
  for (const std::uint64_t met : {proven, after_match, unproven, mixed, by_quote, padded, invalidated, started})
    EXPECT_GT(met, 10u);
}

}  // namespace proof_suite_test
}  // namespace imakeep::attest
