// SPDX-License-Identifier: Apache-2.0
#include "authoring/make_policy.h"

#include <filesystem>

#include "attest/list_files.h"
#include "authoring/inputs.h"
#include "base/file.h"
#include "base/text.h"
#include "output/archive_log.h"
#include "policy/patterns.h"
#include "reference/file_hash.h"
#include "reference/initramfs.h"
#include "reference/log_intake.h"
#include "reference/sign.h"
#include "rpm/rpm_packages.h"

namespace imakeep::authoring {
namespace {

std::string counts_of(const reference::Document& document) {
  return std::to_string(reference::name_count(document)) + " names, " +
         std::to_string(reference::digest_count(document)) + " digests";
}

Result<std::vector<digest::Algorithm>> algorithms_of(const std::vector<std::string>& names) {
  return reference::parse_algorithms(names.empty() ? std::vector<std::string>{"sha256"} : names);
}

Result<std::unique_ptr<attest::LogSource>> open_log(const LogInputs& inputs) {
  if (inputs.files.empty() == !inputs.archive) {
    return fail(ErrorCode::kUsage, "from-log requires either lists or --archive FILE");
  }
  if (inputs.archive) {
    IMAKEEP_TRY(auto log, output::ArchiveLog::open(*inputs.archive, inputs.chain));
    return log;
  }
  IMAKEEP_CHECK(attest::check_distinct(inputs.files));
  return std::make_unique<attest::ListLog>(inputs.files, attest::open_files(inputs.spool_folder));
}

void note_missing(const debian::FromPackagesReport& report, Made& made) {
  for (const debian::InstalledPackage& package : report.missing) {
    made.notes.push_back("no source has " + debian::text_of(package) + ": none of its files is accepted");
  }
  for (const std::string& path : report.not_utf8) made.notes.push_back(path + " left out: its name is not UTF-8");
  made.complete = report.missing.empty();
}

Result<debian::FromPackages> package_options(const PackageInputs& inputs) {
  debian::FromPackages options{.keyring = inputs.keyring, .merged_usr = !inputs.split_usr, .dpkg_new = inputs.dpkg_new};
  for (const std::string& line : inputs.sources) {
    IMAKEEP_TRY(auto source, debian::parse_source(line));
    options.sources.push_back(std::move(source));
  }
  IMAKEEP_TRY(options.algorithms, algorithms_of(inputs.algorithms));
  IMAKEEP_TRY(const auto& status, read_file(inputs.status, {.most_bytes = kMostListBytes}));
  auto installed = debian::parse_status(as_text(status));
  if (!installed) return unexpected(named(installed.error(), inputs.status));
  options.installed = std::move(*installed);
  const std::string beside = (std::filesystem::path(inputs.status).parent_path() / "diversions").string();
  const std::string path = inputs.diversions.value_or(beside);
  if (!inputs.diversions && !std::filesystem::exists(path)) return options;
  IMAKEEP_TRY(const auto& file, read_file(path, {.most_bytes = kMostTextBytes}));
  auto diversions = debian::parse_diversions(as_text(file));
  if (!diversions) return unexpected(named(diversions.error(), path));
  options.diversions = std::move(*diversions);
  return options;
}

}  // namespace

Result<Made> from_log(const LogInputs& inputs) {
  IMAKEEP_TRY(const auto& templates, imalog::TemplateSet::parse(inputs.templates));
  IMAKEEP_TRY(const auto& log, open_log(inputs));
  reference::Document document;
  for (const std::string& pattern : inputs.excludes) {
    if (auto good = policy::check_pattern(pattern, policy::Mode::kStrict); !good) {
      return fail(ErrorCode::kUsage, "--exclude: " + good.error().message);
    }
    reference::add_exclude(document, pattern);
  }
  reference::LogIntake intake(document, templates);
  for (;;) {
    IMAKEEP_TRY(const auto& record, log->next());
    if (!record) break;
    intake.add(record->content, record->order);
  }
  intake.finish();
  Made made{.text = reference::write_document(document), .inputs = inputs.files};
  if (inputs.archive) made.inputs = {*inputs.archive};
  for (const auto& [reason, records] : intake.reasons()) {
    made.notes.push_back(records_text(records) + " left out: " + reason);
  }
  for (const std::string& path : intake.violation_paths()) {
    made.notes.push_back("violation of " + path + ": it has no digest");
  }
  made.notes.push_back(records_text(intake.counts().records) + ", " + counts_of(document) +
                       "; nothing was proven: see verify");
  return made;
}

Result<Made> from_root(RootInputs inputs) {
  IMAKEEP_TRY(inputs.root.algorithms, algorithms_of(inputs.algorithms));
  reference::Document document;
  IMAKEEP_TRY(const auto& found, reference::add_root(inputs.root, document));
  Made made{.inputs = inputs.initramfs};
  for (const std::string& file : inputs.initramfs) {
    IMAKEEP_TRY(const auto& image, read_file(file));
    auto added = reference::add_initramfs(image, inputs.root.algorithms, document);
    if (!added) return unexpected(named(added.error(), file));
    made.notes.push_back(file + ": " + std::to_string(added->files) + " files in " + std::to_string(added->archives) +
                         " archives");
  }
  for (const std::string& path : found.not_utf8) made.notes.push_back(path + " left out: its name is not UTF-8");
  made.notes.push_back(std::to_string(found.files) + " files, " + human_bytes(found.bytes) + ", " +
                       std::to_string(found.excluded) + " excluded; " + counts_of(document));
  made.text = reference::write_document(document);
  return made;
}

namespace {

Result<MadeFromPackages> from_rpms(const PackageInputs& inputs) {
  reference::Document document;
  IMAKEEP_TRY(const auto& report, rpm::add_rpms({.packages = inputs.rpms, .keyring = inputs.keyring}, document));
  MadeFromPackages result{.made = {.text = reference::write_document(document), .inputs = inputs.rpms}};
  for (const std::string& why : report.left_out) result.made.notes.push_back(why);
  result.made.notes.push_back(std::to_string(report.packages) + " packages, " + std::to_string(report.files) +
                              " files, " + std::to_string(report.signed_files) + " of them with an IMA signature; " +
                              counts_of(document));
  return result;
}

}  // namespace

Result<MadeFromPackages> from_packages(const PackageInputs& inputs, Clock& clock,
                                       const std::function<void(std::uint64_t, std::uint64_t)>& on_bytes) {
  if (inputs.sources.empty() == inputs.rpms.empty()) {
    return fail(ErrorCode::kUsage, "from-packages requires either --source LINE or --rpm FILE");
  }
  if (!inputs.rpms.empty()) return from_rpms(inputs);
  if (inputs.cache.empty()) return fail(ErrorCode::kUsage, "--source requires --cache DIR");
  IMAKEEP_TRY(auto options, package_options(inputs));
  options.now_unix_s = clock.unix_s();
  options.on_bytes = on_bytes;
  IMAKEEP_TRY(const auto& fetcher, debian::Fetcher::open(inputs.cache, clock));
  reference::Document document;
  IMAKEEP_TRY(const auto& report, debian::add_from_packages(options, *fetcher, document));
  MadeFromPackages result{.made = {.text = reference::write_document(document), .inputs = {inputs.status}}};
  note_missing(report, result.made);
  result.made.notes.push_back(std::to_string(report.packages) + " packages, " + human_bytes(report.bytes) + ", " +
                              human_bytes(fetcher->downloaded_bytes()) + " downloaded; " +
                              std::to_string(report.files) + " files, " + counts_of(document));
  if (!inputs.compare) return result;
  debian::ComparisonOptions comparison{.root = *inputs.compare,
                                       .conffiles = options.installed.conffiles,
                                       .diversions = options.diversions,
                                       .missing = report.missing,
                                       .algorithms = options.algorithms};
  if (!inputs.under.empty()) comparison.under = inputs.under;
  IMAKEEP_TRY(result.comparison, debian::compare_root(comparison, document));
  return result;
}

Result<Made> merged(const std::vector<std::string>& files, const std::optional<reference::UpdateSpan>& span) {
  IMAKEEP_TRY(auto document, read_policy(files.front()));
  if (span && files.size() != 2) return fail(ErrorCode::kUsage, "--update requires two policies: OLD and NEW");
  for (std::size_t i = 1; i < files.size(); ++i) {
    IMAKEEP_TRY(const auto& other, read_policy(files[i]));
    if (span) {
      IMAKEEP_TRY(document, reference::merge_update(document, other, *span));
    } else if (auto done = reference::merge(document, other); !done) {
      return unexpected(named(done.error(), files[i]));
    }
  }
  return Made{.text = reference::write_document(document), .inputs = files};
}

Result<Made> signed_policy(const std::string& policy, const std::string& private_key) {
  IMAKEEP_TRY(const auto& text, read_policy_file(policy));
  IMAKEEP_TRY(const auto& key, read_file(private_key, {.most_bytes = policy::kMostKeyFileBytes}));
  auto envelope = reference::sign_policy(text, key);
  if (!envelope) return unexpected(named(envelope.error(), policy + ", key " + private_key));
  return Made{.text = std::move(*envelope), .inputs = {policy, private_key}};
}

}  // namespace imakeep::authoring
