// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "attest/list_files.h"
#include "attest/log_check.h"
#include "attest/quote_check.h"
#include "attest/quote_file.h"
#include "base/file.h"
#include "cli/terminal.h"
#include "commands.h"
#include "imalog/pcr_file.h"
#include "imalog/rtmr_file.h"
#include "output/archive_log.h"
#include "output/proof_report.h"
#include "pcrs/pcr_source.h"

namespace imakeep::app {
namespace {

struct VerifyOptions {
  std::vector<std::string> files;
  std::optional<std::string> bank;
  std::optional<std::string> archive;
  std::optional<archive::ChainId> chain;
  std::optional<std::string> pcrs;
  std::optional<std::string> start;
  bool with_tpm = false;
  std::string tpm;
  std::optional<std::string> quote;
  std::optional<std::string> signature;
  std::optional<std::string> key;
  std::optional<std::string> nonce;
  std::optional<std::string> hash;
  bool json = false;
};

// A quote that was checked: the key signed it, and it carries the nonce, if one was given.
struct GoodQuote {
  tpm::Quote quote;
  tpm::Signature signature;
  std::string key;
  bool nonce_checked = false;
};

// A PCR of the TPM that could not be read.
struct UnreadPcr {
  std::uint32_t pcr = 0;
  Error error;
};

// The values that the log is compared with.
struct Evidence {
  attest::Expected expected;
  std::optional<GoodQuote> quote;
  std::vector<UnreadPcr> unread;  // PCRs of the TPM
  bool every_pcr = false;         // values of all PCRs were read, whether or not records name them
  bool rtmrs = false;             // the values are those of RTMRs
};

// ---- reading --------------------------------------------------------------------------------------------------------

// Reads the file and parses it with `parse`. Errors name the file.
template <class Parse>
auto read_as(const std::string& file, Parse parse) -> decltype(parse(ByteView())) {
  IMAKEEP_TRY(const auto& bytes, read_file(file, {.most_bytes = kMostTextBytes}));
  auto parsed = parse(ByteView(bytes));
  if (!parsed) return unexpected(named(parsed.error(), file));
  return parsed;
}

Result<std::optional<Bytes>> parse_nonce(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::string_view hex = *text;
  if (hex.starts_with("0x") || hex.starts_with("0X")) hex.remove_prefix(2);
  auto nonce = from_hex(hex);
  if (!nonce) return fail(ErrorCode::kUsage, "--nonce: " + describe(nonce.error()));
  return std::optional<Bytes>(std::move(*nonce));
}

Result<std::optional<digest::Algorithm>> parse_hash(const std::optional<std::string>& name) {
  if (!name) return std::nullopt;
  const auto bank = digest::parse_bank(*name);
  if (!bank) return fail(ErrorCode::kUsage, "--hash: no such hash: '" + *name + "'; use sha256, sha384 or sha512");
  return std::optional(bank->algorithm);
}

// Returns the signature of the quote, from its own file or from the quote's file.
Result<std::vector<attest::Candidate>> read_candidates(const VerifyOptions& options, const attest::QuoteFile& quote,
                                                       const std::vector<attest::VerificationKey>& keys) {
  IMAKEEP_TRY(const auto& told, parse_hash(options.hash));
  const auto parse = [&](ByteView signature) {
    return attest::parse_candidates(signature, keys, told ? told : quote.plain_hash);
  };
  if (quote.signature && options.signature) {
    return fail(ErrorCode::kUsage, *options.quote + " contains its signature; leave out --signature");
  }
  if (!quote.signature && !options.signature) return fail(ErrorCode::kUsage, "--quote requires --signature FILE");
  if (options.signature) return read_as(*options.signature, parse);
  auto candidates = parse(*quote.signature);
  if (!candidates) return unexpected(named(candidates.error(), *options.quote + ", its signature"));
  return candidates;
}

Result<GoodQuote> read_quote(const VerifyOptions& options) {
  IMAKEEP_TRY(const auto& nonce, parse_nonce(options.nonce));
  IMAKEEP_TRY(const auto& file, read_as(*options.quote, attest::parse_quote_file));
  auto quote = tpm::parse_quote(file.statement);
  if (!quote) return unexpected(named(quote.error(), *options.quote));
  IMAKEEP_TRY(const auto& keys, read_as(*options.key, attest::VerificationKey::parse));
  IMAKEEP_TRY(const auto& candidates, read_candidates(options, file, keys));
  auto good = attest::check_quote(*quote, candidates, nonce);
  if (!good) return unexpected(named(good.error(), *options.quote));
  return GoodQuote{.quote = std::move(*quote),
                   .signature = std::move(good->signature),
                   .key = good->key.name(),
                   .nonce_checked = nonce.has_value()};
}

struct TpmValues {
  std::vector<imalog::PcrValue> values;
  std::vector<UnreadPcr> unread;
};

// Reads every PCR in every bank once. Fails if IMA's PCR cannot be read. Other unreadable PCRs are reported later, if
// records name them.
Result<TpmValues> read_every_pcr(tpm::PcrBanks& banks) {
  TpmValues all;
  for (std::uint32_t i = 0; i < imalog::kPcrCount; ++i) {
    const std::uint32_t pcr = (imalog::kImaPcr + i) % imalog::kPcrCount;
    const auto read = banks.read(pcr);
    if (!read && pcr == imalog::kImaPcr) return unexpected(read.error());
    if (!read) all.unread.push_back({.pcr = pcr, .error = read.error()});
    for (std::size_t bank = 0; read && bank < read->size(); ++bank) {
      const digest::Bank& of = banks.banks()[bank];
      if (digest::available(of.algorithm)) all.values.push_back({.bank = of, .pcr = pcr, .value = (*read)[bank]});
    }
  }
  return all;
}

bool same_values(const std::vector<imalog::PcrValue>& a, const std::vector<imalog::PcrValue>& b) {
  return std::ranges::equal(a, b, [](const imalog::PcrValue& left, const imalog::PcrValue& right) {
    return left.bank == right.bank && left.pcr == right.pcr && left.value == right.value;
  });
}

// Reads every PCR in every bank, because it is not known yet which PCRs the log's records name. The PCRs are read
// before the log, so that each value matches a prefix of the log. An extend never restores an earlier value. So if two
// consecutive reads are equal, all values hold for one moment between the two reads. If the host measures all the time,
// the last read is used; then check_log() may find values of different moments.
Result<TpmValues> read_tpm(const std::string& spec) {
  constexpr int kMostReads = 5;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(spec, ignored)) {
    return fail(ErrorCode::kUsage, "--tpm took " + spec + " for a TPM; write the lists before --tpm");
  }
  IMAKEEP_TRY(const auto& banks, pcrs::open_pcr_banks(spec));
  auto values = read_every_pcr(*banks);
  for (int reads = 1; values && reads < kMostReads; ++reads) {
    auto again = read_every_pcr(*banks);
    if (!again) return again;
    const bool settled = same_values(values->values, again->values);
    values = std::move(again);
    if (settled) break;
  }
  if (values && values->values.empty()) {
    return fail(ErrorCode::kEnvironment,
                "cannot compare any bank of the TPM: this machine's OpenSSL has none of their hashes");
  }
  return values;
}

Result<Evidence> read_evidence(const VerifyOptions& options) {
  Evidence evidence;
  if (options.pcrs) {
    IMAKEEP_TRY(auto values, imalog::read_pcr_file(*options.pcrs));
    evidence.expected.values = std::move(values);
    evidence.rtmrs = imalog::names_rtmrs(*options.pcrs);
    evidence.every_pcr = evidence.rtmrs;
  }
  if (options.with_tpm) {
    evidence.every_pcr = true;
    IMAKEEP_TRY(auto read, read_tpm(options.tpm));
    evidence.expected.values = std::move(read.values);
    evidence.unread = std::move(read.unread);
  }
  if (options.quote) {
    IMAKEEP_TRY(auto quote, read_quote(options));
    evidence.expected.quote = attest::quoted_pcrs(quote.quote, quote.signature);
    evidence.quote = std::move(quote);
  }
  return evidence;
}

// Returns the PCR state before the first record that is read, as --start gives it.
Result<std::optional<imalog::PcrState>> read_start(const VerifyOptions& options, Evidence& evidence) {
  if (!options.start) return std::nullopt;
  IMAKEEP_TRY(const auto& values, imalog::read_pcr_file(*options.start));
  if (options.with_tpm) {
    std::erase_if(evidence.expected.values, [&](const imalog::PcrValue& read) {
      return std::ranges::none_of(values, [&](const imalog::PcrValue& value) { return value.bank == read.bank; });
    });
    if (evidence.expected.values.empty()) {
      return fail(ErrorCode::kUsage, *options.start + ": no value is of a bank of the TPM");
    }
  }
  auto state = attest::start_state(values, evidence.expected);
  if (!state) return unexpected(named(state.error(), *options.start));
  return std::optional<imalog::PcrState>(std::move(*state));
}

// Directory for the copy of a list that comes from a pipe. The list may be too large for /tmp.
std::string spool_folder() {
  const char* const told = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): the process has one thread
  return told != nullptr && *told != '\0' ? told : "/var/tmp";
}

struct OpenLog {
  std::unique_ptr<attest::LogSource> log;
  std::uint64_t first = 0;                                  // number of the log's first record
  std::vector<output::UnprovenRange> ranges = {};           // record numbers in the chain
  std::optional<attest::ReplayLimit> limit = std::nullopt;  // counts from the log's first record
};

Result<OpenLog> open_log(const VerifyOptions& options) {
  if (options.archive) {
    if (options.bank) {
      return fail(ErrorCode::kUsage,
                  "--bank applies to lists only: an archive has every bank, and verify compares those of the PCRs");
    }
    IMAKEEP_TRY(auto log, output::ArchiveLog::open(*options.archive, options.chain));
    OpenLog open{.first = log->first(),
                 .ranges = log->unproven_ranges(options.start.has_value()),
                 .limit = log->replay_limit(options.start.has_value())};
    open.log = std::move(log);
    return open;
  }
  IMAKEEP_CHECK(attest::check_distinct(options.files));
  std::optional<digest::Bank> bank;
  if (options.bank) {
    IMAKEEP_TRY(const auto& parsed, digest::parse_bank(*options.bank));
    bank = parsed;
  }
  return OpenLog{.log = std::make_unique<attest::ListLog>(options.files, attest::open_files(spool_folder()), bank)};
}

// ---- printing -------------------------------------------------------------------------------------------------------

std::string selection_text(const tpm::Quote& quote) {
  std::string text;
  for (const tpm::PcrSelection& selection : quote.selections) {
    text += (text.empty() ? "" : "+") + selection.bank.name() + ":";
    for (std::size_t i = 0; i < selection.pcrs.size(); ++i) {
      text += (i == 0 ? "" : ",") + std::to_string(selection.pcrs[i]);
    }
  }
  return text;
}

std::string hex_of(std::uint64_t value) {
  Bytes bytes;
  append_int(bytes, value, ByteOrder::kBig);
  return to_hex(bytes);
}

void print_quote(const GoodQuote& good) {
  const tpm::ClockInfo& clock = good.quote.clock;
  std::printf("signature good: %s over %s by the key given, %s\n",
              std::string(tpm::name(good.signature.scheme)).c_str(),
              std::string(digest::info(good.signature.hash).name).c_str(), good.key.c_str());
  std::printf("nonce     %s\n",
              good.nonce_checked ? "the one given" : "not checked, because none was given: this may be an old quote");
  std::printf("clock     %llu ms, %u resets, %u restarts%s\n", static_cast<unsigned long long>(clock.clock_ms),
              clock.reset_count, clock.restart_count, clock.safe ? "" : ", not safe");
  std::printf("firmware  %s\n", hex_of(good.quote.firmware_version).c_str());
}

void print_text(const attest::LogCheck& check, const Evidence& evidence,
                const std::vector<output::UnprovenRange>& ranges) {
  if (evidence.quote) {
    print_quote(*evidence.quote);
    std::printf("quote     %s %s%s\n", selection_text(evidence.quote->quote).c_str(),
                output::found_text(check.quote_found_at).c_str(), output::quote_fill_text(check).c_str());
  }
  for (const attest::ValueMatch& match : check.values) {
    std::printf("%-9s PCR %-2u %s\n", match.value.bank.name().c_str(), match.value.pcr,
                output::match_text(match).c_str());
  }
  for (const output::UnprovenRange& range : ranges)
    std::fprintf(evidence.expected.anything() ? stdout : stderr, "%s\n", output::range_line(range).c_str());
  if (!evidence.expected.anything()) {
    if (!check.problem) std::printf("%s", imalog::format_pcrs(check.state).c_str());
    return;
  }
  for (const std::string& line : output::pcr_lines(check)) std::printf("%s\n", line.c_str());
  if (const auto line = output::boot_aggregate_line(check); !line.empty()) std::printf("%s\n", line.c_str());
  std::printf("%s\n", output::total_line(check).c_str());
}

nlohmann::json json_of(const std::optional<std::uint64_t>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json(nullptr);
}

nlohmann::json json_of(const GoodQuote& good, const attest::LogCheck& check) {
  nlohmann::json selection = nlohmann::json::array();
  for (const tpm::PcrSelection& selected : good.quote.selections) {
    selection.push_back({{"bank", selected.bank.name()}, {"pcrs", selected.pcrs}});
  }
  nlohmann::json extended_as = nlohmann::json::object();
  for (const digest::Bank& bank : check.quote_matched_as) extended_as[bank.name()] = digest::fill_name(bank.fill);
  const tpm::ClockInfo& clock = good.quote.clock;
  return {{"signature", "good"},
          {"scheme", tpm::name(good.signature.scheme)},
          {"hash", digest::info(good.signature.hash).name},
          {"key", good.key},
          {"signer", to_hex(good.quote.signer)},
          {"nonce", to_hex(good.quote.extra_data)},
          {"nonce_checked", good.nonce_checked},
          {"clock_ms", clock.clock_ms},
          {"reset_count", clock.reset_count},
          {"restart_count", clock.restart_count},
          {"safe", clock.safe},
          {"firmware_version", hex_of(good.quote.firmware_version)},
          {"selection", selection},
          {"extended_as", extended_as},
          {"records", json_of(check.quote_found_at)}};
}

const char* text_of(attest::Side side) {
  switch (side) {
    case attest::Side::kData:
      return "data";
    case attest::Side::kDigest:
      return "digest";
    case attest::Side::kUnknown:
      return "unknown";
  }
  return "";
}

nlohmann::json json_of(const attest::BadRecord& bad) {
  return {{"source", bad.place.source},   {"record", bad.place.record}, {"offset", json_of(bad.place.offset)},
          {"number", bad.number},         {"bank", bad.bank.name()},    {"pcrs_match", text_of(bad.side)},
          {"pcrs_fit", text_of(bad.side)}};  // the former name
}

nlohmann::json json_of(const attest::LogCheck& check, const Evidence& evidence,
                       const std::vector<output::UnprovenRange>& ranges) {
  nlohmann::json result{{"records", check.records}, {"violations", check.violations}};
  result["unproven_ranges"] = nlohmann::json::array();
  for (const output::UnprovenRange& range : ranges) result["unproven_ranges"].push_back(output::range_json(range));
  if (evidence.expected.anything()) {
    result["proven"] = check.proven.value_or(0);
    result["after_match"] = check.after_match;
    result["behind"] = check.after_match;  // the former name
    result["unproven"] = check.unproven;
    result["pcrs"] = nlohmann::json::array();
    for (const attest::ValueMatch& match : check.values) result["pcrs"].push_back(output::value_json(match));
    result["pcrs_of_log"] = nlohmann::json::array();
    for (const attest::PcrProof& proof : check.pcrs) result["pcrs_of_log"].push_back(output::proof_json(proof));
    result["boot_aggregate"] = output::boot_aggregate_json(check);
    if (evidence.quote) result["quote"] = json_of(*evidence.quote, check);
  } else if (!check.problem) {
    result["pcrs"] = imalog::format_pcrs(check.state);
  }
  if (check.bad_record) result["bad_record"] = json_of(*check.bad_record);
  const std::string diagnosis = output::diagnosis_name(check.diagnosis);
  result["diagnosis"] = diagnosis.empty() ? nlohmann::json(nullptr) : nlohmann::json(diagnosis);
  result["problem"] = check.problem ? nlohmann::json(describe(*check.problem)) : nlohmann::json(nullptr);
  return result;
}

// Converts places to record numbers of the chain, which include retired records. The counts of proven records remain
// those of the records that were read.
void place_in_chain(std::uint64_t first, attest::LogCheck& check) {
  if (check.quote_found_at) *check.quote_found_at += first;
  for (attest::ValueMatch& match : check.values) {
    if (match.found_at) *match.found_at += first;
  }
  if (check.bad_record) check.bad_record->number += first;
}

// An RTMR takes the place of several PCRs. It matches only if records name exactly one of them and nothing else
// extended the RTMR.
void explain_rtmrs(const attest::LogCheck& check) {
  for (const attest::PcrProof& proof : check.pcrs) {
    const auto rtmr = imalog::rtmr_of(proof.pcr);
    if (proof.matched || !rtmr) continue;
    report({.code = ErrorCode::kMismatch,
            .message = "its value is that of RTMR " + std::to_string(*rtmr) +
                       ", which other PCRs share and firmware or a boot loader may have extended first; if so, give "
                       "its value from before the first record with --start FILE"},
           "PCR " + std::to_string(proof.pcr));
  }
}

// The caller did not ask for PCRs that no record names.
void leave_out_others(attest::LogCheck& check) {
  std::erase_if(check.values, [](const attest::ValueMatch& match) { return match.use == attest::ValueUse::kNotInLog; });
}

// Reports the problem, and why a PCR of the log has no value. Returns the exit code.
int conclude(const attest::LogCheck& check, const Evidence& evidence) {
  for (const UnreadPcr& unread : evidence.unread) {
    const bool named_by_record =
        std::ranges::any_of(check.pcrs, [&](const attest::PcrProof& proof) { return proof.pcr == unread.pcr; });
    if (named_by_record) report(unread.error, "PCR " + std::to_string(unread.pcr));
  }
  if (evidence.rtmrs) explain_rtmrs(check);
  return check.problem ? report(*check.problem) : kDone;
}

void add_start(const Command& command, VerifyOptions& options) {
  command
      .add_option("--start", options.start,
                  "PCR values before the first record that is read, lines as for --pcrs (default: all zero)")
      .value_name("FILE");
}

int run_verify(const VerifyOptions& options) {
  if (options.files.empty() == !options.archive) {
    return report({.code = ErrorCode::kUsage, .message = "verify requires either lists or --archive FILE"});
  }
  auto evidence = read_evidence(options);
  if (!evidence) return report(evidence.error());
  const auto start = read_start(options, *evidence);
  if (!start) return report(start.error());
  const auto log = open_log(options);
  if (!log) return report(log.error());
  auto check = attest::check_log(*log->log, evidence->expected, *start, log->limit);
  if (!check) return report(check.error());
  place_in_chain(log->first, *check);
  if (evidence->every_pcr) leave_out_others(*check);
  if (options.json) {
    print_json(json_of(*check, *evidence, log->ranges));
  } else {
    print_text(*check, *evidence, log->ranges);
  }
  return conclude(*check, *evidence);
}

}  // namespace

void add_verify(const Command& root) {
  auto options = std::make_shared<VerifyOptions>();
  const Command command =
      root.add_command("verify", "replay a log, and compare it with its stored digests, with PCRs or with a quote");
  command.add_option("FILE", options->files, "binary measurement lists, in order; - is standard input");
  const Option archive =
      command.add_option("--archive", options->archive, "archive to verify instead of lists").value_name("FILE");
  command.add_count("--chain", options->chain, "chain of the archive (default: the last)")
      .value_name("C")
      .needs(archive);
  command.add_option("--bank", options->bank, "bank of the files' digests (default: detected)").value_name("ALG");
  const Option pcrs =
      command
          .add_option(
              "--pcrs", options->pcrs,
              "PCR values: lines of ALG HEX or ALG INDEX HEX, tpm2_pcrread's output, PCR-INDEX: HEX as evmctl takes "
              "them (of sha1, sha256, sha384 or sha512, by size), or a TDX guest's directory of RTMRs; with --quote, "
              "of PCRs that the quote lacks or no record names")
          .value_name("FILE");
  add_start(command, *options);
  const Option quote =
      command
          .add_option(
              "--quote", options->quote,
              "quote: tpm2_quote -m, FAPI's quote info (tss2_quote -q), or Keylime's, which contains its signature")
          .value_name("FILE");
  const Option signature =
      command
          .add_option("--signature", options->signature,
                      "signature of the quote: tpm2_quote -s; TPMT_SIGNATURE, or plain (RSA bytes, ECDSA in DER)")
          .value_name("FILE");
  const Option key =
      command
          .add_option(
              "--key", options->key,
              "key that signed: public keys or certificates in PEM, one of which signed; one in DER; TPMT_PUBLIC "
              "or TPM2B_PUBLIC")
          .value_name("FILE");
  quote.needs(key);
  signature.needs(quote);
  command
      .add_option("--hash", options->hash, "hash of a plain signature (default: that of FAPI's quote info, or sha256)")
      .value_name("ALG")
      .needs(quote);
  key.needs(quote);
  const Option tpm =
      command
          .add_option("--tpm", options->tpm,
                      "TPM to read the PCRs from: this machine's, a TCTI, or a directory such as /sys/class/tpm/tpm0")
          .value_name("[TCTI]")
          .value_is_optional()
          .excludes(quote)
          .excludes(pcrs);
  command.add_option("--nonce", options->nonce, "nonce that the quote must carry, with or without 0x: tpm2_quote -q")
      .value_name("HEX")
      .value_may_be_empty()  // a quote may carry an empty nonce
      .needs(quote);
  command.add_flag("--json", options->json, "output as JSON");
  command.set_action([options, tpm] {
    options->with_tpm = tpm.given();
    return run_verify(*options);
  });
}

}  // namespace imakeep::app
