#include <cstdio>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "commands.h"
#include "imalog/pcr_file.h"
#include "imalog/replay.h"
#include "terminal.h"

namespace imakeep::app {
namespace {

struct VerifyOptions {
  std::vector<std::string> files;
  std::string bank;
  std::string pcrs;
  bool json = false;
};

Error named(Error error, const std::string& file) {
  error.message = file + ": " + error.message;
  return error;
}

Result<std::vector<imalog::PcrValue>> expected_pcrs(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return unexpected(text.error());
  auto values = imalog::parse_pcr_file(as_text(*text));
  if (!values) return unexpected(named(values.error(), file));
  return values;
}

// Without PCRs to compare with, every bank that this machine can compute is replayed.
std::vector<digest::Bank> replayed_banks(const std::vector<imalog::PcrValue>& expected) {
  std::vector<digest::Bank> banks;
  if (expected.empty()) return *digest::parse_banks("sha1,sha256,sha384,sha512");
  for (const imalog::PcrValue& value : expected) {
    if (std::find(banks.begin(), banks.end(), value.bank) == banks.end()) banks.push_back(value.bank);
  }
  return banks;
}

Result<void> replay_file(imalog::Replay& replay, const std::string& file, const std::string& bank_name) {
  const auto list = read_file(file);
  if (!list) return unexpected(list.error());
  const auto bank = bank_name.empty() ? imalog::detect_bank(*list, kHostOrder) : digest::parse_bank(bank_name);
  if (!bank) return unexpected(named(bank.error(), file));
  if (auto added = replay.add_list(*list, *bank); !added) return unexpected(named(added.error(), file));
  return {};
}

nlohmann::json verdict(const imalog::Replay& replay, const std::vector<imalog::PcrValue>& expected) {
  nlohmann::json pcrs = nlohmann::json::array();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    nlohmann::json pcr{{"bank", expected[i].bank.name()}, {"pcr", expected[i].pcr}, {"records", nullptr}};
    if (const auto found = replay.found_at(i)) pcr["records"] = *found;
    pcrs.push_back(std::move(pcr));
  }
  return {{"records", replay.records()}, {"proven", replay.proven().value_or(0)}, {"pcrs", pcrs}};
}

int print_verdict(const imalog::Replay& replay, const std::vector<imalog::PcrValue>& expected, bool json) {
  const auto proven = replay.proven();
  if (json) {
    std::printf("%s\n", verdict(replay, expected).dump(2).c_str());
  } else {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto found = replay.found_at(i);
      const std::string where = found ? "fits after record " + std::to_string(*found) : "fits no prefix of the list";
      std::printf("%-7s PCR %-2u %s\n", expected[i].bank.name().c_str(), expected[i].pcr, where.c_str());
    }
    std::printf("%llu of %llu records proven\n", static_cast<unsigned long long>(proven.value_or(0)),
                static_cast<unsigned long long>(replay.records()));
  }
  if (proven) return kDone;
  return report({.code = ErrorCode::kMismatch,
                 .message = "the PCRs stand for no prefix of this list: all digests fit their data, so a record is "
                            "missing, repeated or out of order, or the list begins too late"});
}

int run_verify(const VerifyOptions& options) {
  std::vector<imalog::PcrValue> expected;
  if (!options.pcrs.empty()) {
    auto values = expected_pcrs(options.pcrs);
    if (!values) return report(values.error());
    expected = std::move(*values);
  }
  imalog::Replay replay(imalog::PcrState(replayed_banks(expected)));
  for (const imalog::PcrValue& value : expected) {
    if (const auto looked_for = replay.expect(value); !looked_for) return report(looked_for.error());
  }
  for (const std::string& file : options.files) {
    if (const auto replayed = replay_file(replay, file, options.bank); !replayed) return report(replayed.error());
  }
  if (!expected.empty()) return print_verdict(replay, expected, options.json);
  if (options.json) {
    std::printf(
        "%s\n",
        nlohmann::json{{"records", replay.records()}, {"pcrs", imalog::format_pcrs(replay.state())}}.dump(2).c_str());
  } else {
    std::printf("%s", imalog::format_pcrs(replay.state()).c_str());
  }
  return kDone;
}

}  // namespace

void add_verify(CLI::App& root, int& exit_code) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* const command = root.add_subcommand("verify", "replay binary lists, one after the other, against PCRs");
  command->add_option("FILE", options->files, "binary measurement lists, in order")->required();
  command->add_option("--bank", options->bank, "bank of the files' digests (default: found out)")->type_name("ALG");
  command->add_option("--pcrs", options->pcrs, "PCR values: lines of ALG HEX or ALG INDEX HEX")->type_name("FILE");
  command->add_flag("--json", options->json, "print JSON");
  command->callback([options, &exit_code] { exit_code = run_verify(*options); });
}

}  // namespace imakeep::app
