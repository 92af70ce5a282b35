#include <cstdio>
#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "archive_log.h"
#include "attest/list_log.h"
#include "attest/log_check.h"
#include "attest/quote_check.h"
#include "base/file.h"
#include "commands.h"
#include "imalog/pcr_file.h"
#include "pcr_source.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

struct VerifyOptions {
  std::vector<std::string> files;
  // Optional, for an empty name is no option left out: "--quote $unset" must not pass for a check without a quote.
  std::optional<std::string> bank;
  std::optional<std::string> archive;
  std::optional<std::uint64_t> chain;
  std::optional<std::string> pcrs;
  bool with_tpm = false;
  std::string tpm;
  std::optional<std::string> quote;
  std::optional<std::string> signature;
  std::optional<std::string> key;
  std::optional<std::string> nonce;
  bool json = false;
};

// A quote that is good: signed by the key, with the nonce if one was given.
struct GoodQuote {
  tpm::Quote quote;
  tpm::Signature signature;
  std::string key;
  bool nonce_checked = false;
};

// What the log is compared with.
struct Evidence {
  attest::Expected expected;
  std::optional<GoodQuote> quote;
};

// ---- reading --------------------------------------------------------------------------------------------------------

// The file's content as `parse` takes it; errors name the file.
template <class Parse>
auto read_as(const std::string& file, Parse parse) -> decltype(parse(ByteView())) {
  const auto bytes = read_file(file);
  if (!bytes) return unexpected(bytes.error());
  auto parsed = parse(ByteView(*bytes));
  if (!parsed) return unexpected(named(parsed.error(), file));
  return parsed;
}

Result<std::optional<Bytes>> parse_nonce(const std::optional<std::string>& hex) {
  if (!hex) return std::nullopt;
  auto nonce = from_hex(*hex);
  if (!nonce) return fail(ErrorCode::kUsage, "--nonce: " + describe(nonce.error()));
  return std::optional<Bytes>(std::move(*nonce));
}

Result<GoodQuote> read_quote(const VerifyOptions& options) {
  const auto nonce = parse_nonce(options.nonce);
  if (!nonce) return unexpected(nonce.error());
  auto quote = read_as(*options.quote, tpm::parse_quote);
  if (!quote) return unexpected(quote.error());
  auto signature = read_as(*options.signature, tpm::parse_signature);
  if (!signature) return unexpected(signature.error());
  const auto key = read_as(*options.key, attest::VerificationKey::parse);
  if (!key) return unexpected(key.error());
  const auto checked = attest::check_quote(*quote, *signature, *key, *nonce);
  if (!checked) return unexpected(named(checked.error(), *options.quote));
  return GoodQuote{.quote = std::move(*quote),
                   .signature = std::move(*signature),
                   .key = key->name(),
                   .nonce_checked = nonce->has_value()};
}

// IMA's PCR in every bank. Read before the log, so that it stands for a prefix of it.
Result<std::vector<imalog::PcrValue>> read_tpm(const std::string& spec) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(spec, ignored)) {
    return fail(ErrorCode::kUsage, "--tpm took " + spec + " for a TPM; write the lists before --tpm");
  }
  const auto banks = open_pcr_banks(spec);
  if (!banks) return unexpected(banks.error());
  const auto read = (*banks)->read(imalog::kImaPcr);
  if (!read) return unexpected(read.error());
  std::vector<imalog::PcrValue> values;
  for (std::size_t i = 0; i < read->size(); ++i) {
    const digest::Bank& bank = (*banks)->banks()[i];
    if (digest::available(bank.algorithm))
      values.push_back({.bank = bank, .pcr = imalog::kImaPcr, .value = (*read)[i]});
  }
  return values;
}

Result<Evidence> read_evidence(const VerifyOptions& options) {
  Evidence evidence;
  if (options.pcrs) {
    auto values = imalog::read_pcr_file(*options.pcrs);
    if (!values) return unexpected(values.error());
    evidence.expected.values = std::move(*values);
  }
  if (options.with_tpm) {
    auto values = read_tpm(options.tpm);
    if (!values) return unexpected(values.error());
    evidence.expected.values = std::move(*values);
  }
  if (options.quote) {
    auto quote = read_quote(options);
    if (!quote) return unexpected(quote.error());
    evidence.expected.quote = attest::quoted_pcrs(quote->quote, quote->signature);
    evidence.quote = std::move(*quote);
  }
  return evidence;
}

struct OpenLog {
  std::unique_ptr<attest::LogSource> log;
  std::optional<imalog::PcrState> start = std::nullopt;  // the state before its first record, if not a TPM reset
  std::uint64_t first = 0;                               // the number of its first record
};

Result<OpenLog> open_log(const VerifyOptions& options) {
  if (options.archive) {
    if (options.bank) {
      return fail(ErrorCode::kUsage,
                  "--bank is of lists; an archive has every bank, and verify checks those of the PCRs");
    }
    auto log = ArchiveLog::open(*options.archive, options.chain);
    if (!log) return unexpected(log.error());
    auto start = (*log)->start();
    const std::uint64_t first = (*log)->first();
    return OpenLog{.log = std::move(*log), .start = std::move(start), .first = first};
  }
  std::optional<digest::Bank> bank;
  if (options.bank) {
    const auto parsed = digest::parse_bank(*options.bank);
    if (!parsed) return unexpected(parsed.error());
    bank = *parsed;
  }
  return OpenLog{.log = std::make_unique<attest::ListLog>(options.files, read_file, bank)};
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

std::string where(const std::optional<std::uint64_t>& found_at) {
  return found_at ? "fits after record " + std::to_string(*found_at) : "fits no prefix of the log";
}

void print_quote(const GoodQuote& good) {
  const tpm::ClockInfo& clock = good.quote.clock;
  std::printf("signature good: %s over %s by the key given, %s\n",
              std::string(tpm::name(good.signature.scheme)).c_str(),
              std::string(digest::info(good.signature.hash).name).c_str(), good.key.c_str());
  std::printf("nonce     %s\n",
              good.nonce_checked ? "the one given" : "not checked, for none was given: this may be an old quote");
  std::printf("clock     %llu ms, %u resets, %u restarts%s\n", static_cast<unsigned long long>(clock.clock_ms),
              clock.reset_count, clock.restart_count, clock.safe ? "" : ", not safe");
  std::printf("firmware  %s\n", hex_of(good.quote.firmware_version).c_str());
}

void print_text(const attest::LogCheck& check, const Evidence& evidence) {
  if (evidence.quote) {
    print_quote(*evidence.quote);
    std::printf("quote     %s %s\n", selection_text(evidence.quote->quote).c_str(),
                where(check.quote_found_at).c_str());
  }
  for (const attest::ValueFit& fit : check.values) {
    std::printf("%-9s PCR %-2u %s\n", fit.value.bank.name().c_str(), fit.value.pcr,
                fit.looked_for ? where(fit.found_at).c_str() : "taken as given for the quote");
  }
  if (!evidence.quote && check.values.empty()) {
    if (!check.problem) std::printf("%s", imalog::format_pcrs(check.state).c_str());
    return;
  }
  const std::uint64_t proven = check.proven.value_or(0);
  std::printf("%llu of %llu records proven, %llu behind\n", static_cast<unsigned long long>(proven),
              static_cast<unsigned long long>(check.records), static_cast<unsigned long long>(check.records - proven));
}

nlohmann::json json_of(const std::optional<std::uint64_t>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json(nullptr);
}

nlohmann::json json_of(const GoodQuote& good, const attest::LogCheck& check) {
  nlohmann::json selection = nlohmann::json::array();
  for (const tpm::PcrSelection& selected : good.quote.selections) {
    selection.push_back({{"bank", selected.bank.name()}, {"pcrs", selected.pcrs}});
  }
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
  return {{"source", bad.place.source}, {"record", bad.place.record}, {"offset", json_of(bad.place.offset)},
          {"number", bad.number},       {"bank", bad.bank.name()},    {"pcrs_fit", text_of(bad.side)}};
}

nlohmann::json json_of(const attest::LogCheck& check, const Evidence& evidence) {
  nlohmann::json json{{"records", check.records}, {"violations", check.violations}};
  if (evidence.quote || !check.values.empty()) {
    const std::uint64_t proven = check.proven.value_or(0);
    json["proven"] = proven;
    json["behind"] = check.records - proven;
    json["pcrs"] = nlohmann::json::array();
    for (const attest::ValueFit& fit : check.values) {
      json["pcrs"].push_back({{"bank", fit.value.bank.name()},
                              {"pcr", fit.value.pcr},
                              {"given_for_quote", !fit.looked_for},
                              {"records", json_of(fit.found_at)}});
    }
    if (evidence.quote) json["quote"] = json_of(*evidence.quote, check);
  } else if (!check.problem) {
    json["pcrs"] = imalog::format_pcrs(check.state);
  }
  if (check.bad_record) json["bad_record"] = json_of(*check.bad_record);
  json["problem"] = check.problem ? nlohmann::json(describe(*check.problem)) : nlohmann::json(nullptr);
  return json;
}

// Numbers are those of the chain: what lies before had led to the state that replay began with.
void count_from(std::uint64_t first, attest::LogCheck& check) {
  check.records += first;
  if (check.proven) *check.proven += first;
  if (check.quote_found_at) *check.quote_found_at += first;
  for (attest::ValueFit& fit : check.values) {
    if (fit.found_at) *fit.found_at += first;
  }
  if (check.bad_record) check.bad_record->number += first;
}

int run_verify(const VerifyOptions& options) {
  if (options.files.empty() == !options.archive) {
    return report({.code = ErrorCode::kUsage, .message = "name either lists or an archive, with --archive"});
  }
  const auto evidence = read_evidence(options);
  if (!evidence) return report(evidence.error());
  const auto log = open_log(options);
  if (!log) return report(log.error());
  auto check = attest::check_log(*log->log, evidence->expected, log->start);
  if (!check) return report(check.error());
  if (log->first > 0) count_from(log->first, *check);
  if (options.json) {
    print_json(json_of(*check, *evidence));
  } else {
    print_text(*check, *evidence);
  }
  return check->problem ? report(*check->problem) : kDone;
}

}  // namespace

void add_verify(CLI::App& root, int& exit_code) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* const command =
      root.add_subcommand("verify", "replay a log: compare it with its own digests, with PCRs or with a quote");
  command->add_option("FILE", options->files, "binary measurement lists, in order");
  CLI::Option* const archive =
      command->add_option("--archive", options->archive, "archive to verify instead of lists")->type_name("FILE");
  command->add_option("--chain", options->chain, "chain of the archive (default: the last)")
      ->type_name("C")
      ->needs(archive);
  command->add_option("--bank", options->bank, "bank of the files' digests (default: found out)")->type_name("ALG");
  CLI::Option* const pcrs =
      command
          ->add_option(
              "--pcrs", options->pcrs,
              "PCR values: lines of ALG HEX or ALG INDEX HEX; with --quote, of PCRs that the log does not lead to")
          ->type_name("FILE");
  CLI::Option* const quote =
      command->add_option("--quote", options->quote, "TPMS_ATTEST: tpm2_quote -m")->type_name("FILE");
  CLI::Option* const signature =
      command->add_option("--signature", options->signature, "TPMT_SIGNATURE of the quote: tpm2_quote -s")
          ->type_name("FILE");
  CLI::Option* const key =
      command->add_option("--key", options->key, "key that signed: PEM, certificate, TPMT_PUBLIC or TPM2B_PUBLIC")
          ->type_name("FILE");
  quote->needs(signature)->needs(key);
  signature->needs(quote);
  key->needs(quote);
  CLI::Option* const tpm =
      command
          ->add_option("--tpm", options->tpm,
                       "read IMA's PCR from a TPM: this machine's, a TCTI, or a folder such as /sys/class/tpm/tpm0")
          ->type_name("[TCTI]")
          ->expected(0, 1)
          ->excludes(quote)
          ->excludes(pcrs);
  command->add_option("--nonce", options->nonce, "what the quote must carry: tpm2_quote -q")
      ->type_name("HEX")
      ->needs(quote);
  command->add_flag("--json", options->json, "print JSON");
  command->callback([options, tpm, &exit_code] {
    options->with_tpm = tpm->count() > 0;
    exit_code = run_verify(*options);
  });
}

}  // namespace imakeep::app
