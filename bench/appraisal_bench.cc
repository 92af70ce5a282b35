// SPDX-License-Identifier: Apache-2.0
// Appraising a million records, compared with replaying them; and one quote with 10 new records, compared with checking
// one ECDSA P-256 signature, which is the least that any verifier does.
//
// Paths and digests are made up, as in policy_bench.cc. The quote is a captured one: testdata/README.md.
#include <cstdlib>
#include <map>
#include <set>

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include "appraisal/record_fields.h"
#include "attest/list_log.h"
#include "attest/quote_check.h"
#include "base/file.h"
#include "bench_records.h"
#include "imalog/replay.h"
#include "imalog/template_data.h"
#include "logappraisal/log_appraisal.h"
#include "signature/openssl_objects.h"

namespace imakeep::bench {
namespace {

using imalog::PcrState;

const digest::Bank kSha256 = digest::bank_of(digest::Algorithm::kSha256);
constexpr std::size_t kRecords = 1'000'000;

// About as long as those of Debian's files.
std::string file_path(std::size_t i) {
  return "/usr/share/package-" + std::to_string(i / 100) + "/modules/component-" + std::to_string(i % 100) + ".so";
}

digest::Digest file_digest_of(std::size_t i) {
  return digest::hash(digest::Algorithm::kSha256, as_bytes(std::to_string(i)));
}

// `digests` and `buffers` are members of JSON objects. Violations are accepted.
logappraisal::LoadedPolicy policy_of(const std::string& digests, const std::string& buffers = "") {
  const std::string text = R"({"meta": {"version": 1, "generator": 3}, "release": 0, "excludes": ["/tmp/.*"],
    "keyrings": {}, "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": null},
    "verification-keys": "", "imakeep": {"version": 1, "violations": {"patterns": ["(?s).*"]}}, "ima-buf": {)" +
                           buffers + R"(}, "digests": {)" + digests + "}}";
  const auto parsed =
      must(policy::parse_policy(as_bytes(text), policy::Mode::kStrict, policy::Limits{.most_bytes = 1u << 30}));
  return {.file = "policy",
          .policy = std::make_shared<policy::CompiledPolicy>(must(policy::CompiledPolicy::compile(parsed)))};
}

logappraisal::LoadedPolicy policy_of_files(std::size_t files) {
  std::string digests;
  for (std::size_t i = 0; i < files; ++i) {
    digests += (i == 0 ? "\"" : ",\"") + file_path(i) + "\": [\"" + to_hex(file_digest_of(i).view()) + "\"]";
  }
  return policy_of(digests);
}

// Records that name each file in an order that no cache foresees.
Bytes list_of_files(std::size_t files) {
  constexpr std::size_t kStep = 611'953;
  Bytes list;
  for (std::size_t i = 0, file = 0; i < kRecords; ++i, file = (file + kStep) % files) {
    const digest::Digest digest = file_digest_of(file);
    const Bytes body = must(imalog::make_body("ima-ng", {.path = file_path(file), .file_digest = digest.view()}));
    const imalog::RecordContentView content{.pcr = 10, .template_name = "ima-ng", .body = body};
    imalog::encode_record(list, content, imalog::shown_digest(kSha256, content).view());
  }
  return list;
}

const Bytes& list_of(std::size_t files) {
  static std::size_t made_of = 0;
  static Bytes list;
  if (made_of != files) list = list_of_files(files);
  made_of = files;
  return list;
}

void replay(benchmark::State& state) {
  const Bytes& list = list_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    imalog::Replay replay(PcrState({kSha256}));
    must(replay.add_list(list, kSha256));
    benchmark::DoNotOptimize(replay.state());
  }
  state.counters["records"] = kRecords;
}

void appraise(benchmark::State& state) {
  const auto files = static_cast<std::size_t>(state.range(0));
  const Bytes& list = list_of(files);
  const auto policy = policy_of_files(files);
  for (auto _ : state) {
    auto appraiser = must(appraisal::Appraiser::make(policy.policy.get(), policy::Mode::kStrict));
    imalog::ListReader reader(list, {.digest_bytes = 32});
    for (std::uint64_t i = 0; !reader.at_end(); ++i) {
      const auto* const record = must(reader.next());
      const auto verdict =
          appraiser.appraise({.number = i, .content = record->content(), .bank = kSha256, .shown = record->digest});
      if (!verdict.accepted) std::abort();
    }
  }
  state.counters["records"] = kRecords;
}

// ---- one quote ------------------------------------------------------------------------------------------------------

Bytes captured(const std::string& file) {
  return must(read_file(std::string(IMAKEEP_TESTDATA) + "/linux-7.3.4/templates/" + file));
}

// The list of the capture, and where each record begins.
struct CapturedList {
  CapturedList() {
    imalog::ListReader reader(bytes, {.digest_bytes = 32, .order = ByteOrder::kLittle});
    while (!reader.at_end()) {
      starts.push_back(reader.offset());
      contents.push_back(must(reader.next())->content());
    }
  }
  Bytes bytes = captured("binary_runtime_measurements_sha256");
  std::vector<std::size_t> starts;
  std::vector<imalog::RecordContentView> contents;
};

// A policy that accepts these records.
logappraisal::LoadedPolicy policy_of_records(std::span<const imalog::RecordContentView> contents) {
  std::map<std::string, std::set<std::string>> of_files, of_buffers;
  for (const imalog::RecordContentView& content : contents) {
    const auto fields = must(appraisal::fields_of(content, ByteOrder::kLittle));
    if (content.violation) continue;
    auto& map = fields.buffer.empty() ? of_files : of_buffers;
    map[std::string(fields.name)].insert(to_hex(must(appraisal::file_digest(fields)).digest));
  }
  const auto members = [](const std::map<std::string, std::set<std::string>>& of) {
    std::string text;
    for (const auto& [name, digests] : of) {
      std::string list;
      for (const std::string& digest : digests) list += (list.empty() ? "\"" : ", \"") + digest + "\"";
      text += (text.empty() ? "\"" : ", \"") + name + "\": [" + list + "]";
    }
    return text;
  };
  return policy_of(members(of_files), members(of_buffers));
}

attest::ListLog::Open bytes_as_list(ByteView bytes) {
  return [bytes](const std::string& name) -> Result<attest::ListLog::Source> {
    auto read = [bytes, at = std::size_t{0}](std::span<std::byte> room) mutable -> Result<std::size_t> {
      const std::size_t size = std::min(room.size(), bytes.size() - at);
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, room.begin());
      at += size;
      return size;
    };
    return attest::ListLog::Source{.name = name, .read = std::move(read)};
  };
}

// Everything that a verifier does for a quote with 10 new records: signature, nonce, replay in three banks, proof,
// appraisal. What stays the same from quote to quote is made before: key, policy, state before the new records.
void quote(benchmark::State& state) {
  constexpr std::size_t kCovered = 93;  // testdata/README.md
  constexpr std::size_t kNew = 10;
  const CapturedList list;
  const std::size_t begin = list.starts[kCovered - kNew];
  const ByteView fresh = ByteView(list.bytes).subspan(begin, list.starts[kCovered] - begin);
  const Bytes statement = captured("quote-mid/quote.msg");
  const Bytes signature = captured("quote-mid/quote.sig");
  std::string nonce_text(as_text(captured("quote-mid/nonce.hex")));
  nonce_text.resize(nonce_text.find_last_not_of('\n') + 1);
  const auto nonce = std::optional<Bytes>(must(from_hex(nonce_text)));
  const auto keys = must(attest::VerificationKey::parse(captured("quote-mid/ak.pem")));
  PcrState before(must(digest::parse_banks("sha1,sha256,sha384")));
  for (std::size_t i = 0; i < kCovered - kNew; ++i) imalog::extend(before, list.contents[i]);
  std::vector<logappraisal::LoadedPolicy> policies;
  policies.push_back(policy_of_records(std::span(list.contents).subspan(kCovered - kNew, kNew)));
  for (auto _ : state) {
    const auto parsed = must(tpm::parse_quote(statement));
    const auto good =
        must(attest::check_quote(parsed, must(attest::parse_candidates(signature, keys, std::nullopt)), nonce));
    const attest::Expected expected{.quote = attest::quoted_pcrs(parsed, good.signature)};
    attest::ListLog log({"list"}, bytes_as_list(fresh), kSha256);
    auto appraisal = must(logappraisal::LogAppraisal::make(policies, {.first = kCovered - kNew}));
    const auto check = must(attest::check_log(log, expected, before, std::nullopt, &appraisal));
    const auto result = appraisal.result(check);
    if (check.quote_found_at != kNew || result.records != kNew || result.refused_records() != 0) std::abort();
  }
}

void verify_p256(benchmark::State& state) {
  const signature::Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const digest::Digest digest = file_digest_of(0);
  const auto* const data = signature::data_of(digest.view());
  signature::KeyContext signing(EVP_PKEY_CTX_new(key.get(), nullptr));
  unsigned char made[128];
  std::size_t size = sizeof made;
  if (EVP_PKEY_sign_init(signing.get()) != 1 || EVP_PKEY_sign(signing.get(), made, &size, data, digest.size()) != 1) {
    std::abort();
  }
  signature::KeyContext verifying(EVP_PKEY_CTX_new(key.get(), nullptr));
  if (EVP_PKEY_verify_init(verifying.get()) != 1) std::abort();
  for (auto _ : state) {
    if (EVP_PKEY_verify(verifying.get(), made, size, data, digest.size()) != 1) std::abort();
  }
}

BENCHMARK(replay)
    ->Name("appraisal/replay_sha256")
    ->Arg(10'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(appraise)->Name("appraisal/strict")->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(quote)->Name("appraisal/quote_10")->Unit(benchmark::kMicrosecond);
BENCHMARK(verify_p256)->Name("appraisal/verify_p256")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace imakeep::bench
