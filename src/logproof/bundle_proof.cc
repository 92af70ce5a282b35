// SPDX-License-Identifier: Apache-2.0
#include "logproof/bundle_proof.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "bundle/bundle_log.h"
#include "enrol/trust_directory.h"

namespace imakeep::logproof {
namespace {

Result<void> check_options(const ProofOptions& options) {
  if (options.files.size() > 1) {
    return fail(ErrorCode::kUsage, options.files.front() + " is an evidence bundle; name it alone");
  }
  if (options.pcrs || options.with_tpm || options.quote || options.start || options.bank || options.archive) {
    return fail(ErrorCode::kUsage, options.files.front() +
                                       " is an evidence bundle, which has its quotes and records; leave out --pcrs, "
                                       "--tpm, --quote, --start, --bank and --archive");
  }
  return {};
}

Result<std::vector<attest::VerificationKey>> named_keys(const ProofOptions& options) {
  if (!options.ak) return std::vector<attest::VerificationKey>();
  IMAKEEP_TRY(const auto& bytes, read_file(*options.ak, {.most_bytes = kMostTextBytes}));
  auto keys = attest::VerificationKey::parse(bytes);
  if (!keys) return unexpected(named(keys.error(), *options.ak));
  return keys;
}

Result<void> check_ek(const ProofOptions& options, BundleProof& proof) {
  if (proof.header.ek_certificate.empty()) {
    if (!options.ek_roots) return {};
    return fail(ErrorCode::kMismatch, proof.file + " has no EK certificate; leave out --ek-roots");
  }
  auto certificate = enrol::Certificate::parse(proof.header.ek_certificate);
  if (!certificate) return unexpected(named(certificate.error(), proof.file + ", its EK certificate"));
  proof.ek_subject = printable(certificate->subject());
  if (proof.ek_subject.empty()) proof.ek_subject = "a TPM without a name";
  if (!options.ek_roots) return {};
  IMAKEEP_TRY(const auto& roots, enrol::read_trust_directory(*options.ek_roots));
  const auto verified = roots.verify(*certificate, enrol::CertifiedKey::kEndorsement, {}, std::nullopt);
  if (!verified) return unexpected(named(verified.error(), proof.file + ", its EK certificate"));
  proof.ek_checked = true;
  return {};
}

// The quote that proves the records. If none is good, the last one that is signed: check_log() then finds the cause.
const bundle::JudgedQuote* proving(const BundleProof& proof) {
  const auto& quotes = proof.judged.quotes;
  if (proof.judged.last) return &quotes[*proof.judged.last];
  const auto is_signed = [](const bundle::JudgedQuote& judged) { return !judged.key.empty(); };
  const auto last = std::find_if(quotes.rbegin(), quotes.rend(), is_signed);
  return last == quotes.rend() ? nullptr : &*last;
}

void take_evidence(BundleProof& proof) {
  const bundle::JudgedQuote* const by = proving(proof);
  if (by == nullptr) return;
  proof.evidence.expected.values = proof.header.quotes[by->number - 1].pcrs;
  proof.evidence.expected.quote = attest::quoted_pcrs(by->quote, by->signature);
  proof.evidence.quote = GoodQuote{.quote = by->quote,
                                   .signature = by->signature,
                                   .key = by->key,
                                   .nonce_checked = false,
                                   .from_bundle = true,
                                   .key_named = proof.key_named};
}

std::string time_text(std::uint64_t unix_s) {
  const auto seconds = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  std::array<char, 64> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return std::to_string(unix_s);
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), size};
}

std::uint64_t good_quotes(const BundleProof& proof) {
  return static_cast<std::uint64_t>(std::ranges::count_if(proof.judged.quotes, &bundle::JudgedQuote::good));
}

std::string ek_text(const BundleProof& proof) {
  if (proof.ek_subject.empty()) return "EK        the bundle has no certificate of it\n";
  return "EK        certificate of " + proof.ek_subject + ", " +
         (proof.ek_checked ? "which leads to a root given (dates and revocation are not checked)"
                           : "not checked, because no roots were given") +
         "\n          no bundle shows that the key of its quotes is in the TPM of this certificate\n";
}

}  // namespace

Result<std::optional<BundleProof>> read_bundle(const ProofOptions& options) {
  const bool is_bundle = std::ranges::any_of(options.files, bundle::is_bundle);
  if (!is_bundle) {
    if (!options.ak && !options.ek_roots) return std::nullopt;
    return fail(ErrorCode::kUsage, "--ak and --ek-roots go with an evidence bundle only");
  }
  IMAKEEP_CHECK(check_options(options));
  BundleProof proof{.file = options.files.front(), .key_named = options.ak.has_value()};
  IMAKEEP_TRY(const auto& keys, named_keys(options));
  IMAKEEP_TRY(auto log, bundle::BundleLog::open(proof.file));
  proof.header = log->header();
  IMAKEEP_CHECK(check_ek(options, proof));
  IMAKEEP_TRY(proof.judged, bundle::judge_quotes(*log, proof.header, keys));
  take_evidence(proof);
  proof.log.log = std::move(log);
  return std::optional(std::move(proof));
}

std::string bundle_text(const BundleProof& proof) {
  const std::size_t quotes = proof.judged.quotes.size();
  std::string text = "bundle    " + records_text(proof.header.count) + " of chain " +
                     std::to_string(proof.header.chain) + "; it says of itself: host " + printable(proof.header.host) +
                     ", made " + time_text(proof.header.made_unix_s) + "\n";
  text += std::string("key       ") +
          (proof.key_named ? "named by the caller"
                           : "only named by the bundle: nothing shows which host it belongs to; name the host's with "
                             "--ak FILE") +
          "\n" + ek_text(proof);
  text += "quotes    " + std::to_string(good_quotes(proof)) + " of " + std::to_string(quotes) +
          " are signed by the key and match the records";
  if (proof.judged.last) {
    const bundle::JudgedQuote& last = proof.judged.quotes[*proof.judged.last];
    text += "; the last of them is quote " + std::to_string(last.number) + ", of " +
            time_text(proof.header.quotes[*proof.judged.last].added_unix_s);
  }
  return text + "\n";
}

nlohmann::json bundle_json(const BundleProof& proof) {
  nlohmann::json quotes = nlohmann::json::array();
  for (const bundle::JudgedQuote& judged : proof.judged.quotes) {
    const evidence::BundleQuote& given = proof.header.quotes[judged.number - 1];
    quotes.push_back(
        {{"quote", judged.number},
         {"said_records", judged.records},
         {"added_unix_s", given.added_unix_s},
         {"signed", !judged.key.empty()},
         {"key", judged.key},
         {"matched_at", judged.matched_at ? nlohmann::json(*judged.matched_at) : nlohmann::json(nullptr)},
         {"good", judged.good()},
         {"problem", judged.problem ? nlohmann::json(describe(*judged.problem)) : nlohmann::json(nullptr)}});
  }
  const bool has_ek = !proof.ek_subject.empty();
  return {{"host", proof.header.host},
          {"made_unix_s", proof.header.made_unix_s},
          {"chain", proof.header.chain},
          {"records", proof.header.count},
          {"key_named_by", proof.key_named ? "caller" : "bundle"},
          {"ek_certificate", has_ek ? nlohmann::json{{"subject", proof.ek_subject}, {"leads_to_root", proof.ek_checked}}
                                    : nlohmann::json(nullptr)},
          {"good_quotes", good_quotes(proof)},
          {"last_good_quote", proof.judged.last ? nlohmann::json(*proof.judged.last + 1) : nlohmann::json(nullptr)},
          {"quotes", std::move(quotes)}};
}

std::vector<Error> bundle_problems(const BundleProof& proof) {
  std::vector<Error> problems;
  if (proof.judged.quotes.empty()) {
    problems.push_back(
        {.code = ErrorCode::kMismatch, .message = proof.file + ": the bundle has no quote, so nothing is proven"});
  }
  for (const bundle::JudgedQuote& judged : proof.judged.quotes) {
    if (judged.problem) problems.push_back(named(*judged.problem, proof.file));
  }
  return problems;
}

}  // namespace imakeep::logproof
