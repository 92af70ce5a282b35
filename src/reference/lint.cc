// SPDX-License-Identifier: Apache-2.0
#include "reference/lint.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "policy/patterns.h"

namespace imakeep::reference {
namespace {

using policy::Mode;
using policy::Patterns;

std::string pointer_of(std::string_view member, std::string_view name) {
  std::string pointer = "/" + std::string(member) + "/";
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return printable(pointer);
}

std::string names_text(const std::vector<std::string>& examples, std::uint64_t count) {
  std::string text = std::to_string(count) + (count == 1 ? " name" : " names") + " of this policy, such as ";
  for (std::size_t i = 0; i < examples.size(); ++i) text += (i == 0 ? "" : ", ") + printable(examples[i]);
  return text;
}

class Examination {
 public:
  Examination(const Document& document, Lint& lint) : document_(document), lint_(lint) {}

  void run(bool strict, bool keylime) {
    examine_excludes(strict, keylime);
    examine_names();
    examine_packages();
    examine_updates();
    examine_whole();
  }

 private:
  void add(Severity severity, std::string id, std::string pointer, std::string text) {
    lint_.remarks.push_back(
        {.severity = severity, .id = std::move(id), .pointer = std::move(pointer), .text = std::move(text)});
  }

  struct Coverage {
    std::uint64_t lost = 0;      // names that only mode keylime excludes by it
    std::uint64_t digested = 0;  // names with digests that it excludes
    std::vector<std::string> lost_examples;
    std::vector<std::string> digested_examples;
  };
  static constexpr std::size_t kMostExamples = 3;

  static void count(std::uint64_t& counter, std::vector<std::string>& examples, const std::string& name) {
    ++counter;
    if (examples.size() < kMostExamples) examples.push_back(name);
  }

  std::vector<Coverage> coverage(bool strict, bool keylime) const {
    std::vector<Coverage> covered(document_.excludes.size());
    auto whole = Patterns::compile(strict ? document_.excludes : std::vector<std::string>(), Mode::kStrict);
    auto front = Patterns::compile(keylime ? document_.excludes : std::vector<std::string>(), Mode::kKeylime);
    if (!whole || !front) return covered;
    for (const DigestSets& map : document_.maps) {
      for (const auto& [name, digests] : map) {
        const auto at_front = front->match(name);
        const auto as_whole = whole->match(name);
        if (strict && at_front && !as_whole) {
          count(covered[*at_front.index].lost, covered[*at_front.index].lost_examples, name);
        }
        if (const auto one = strict ? as_whole.index : at_front.index) {
          count(covered[*one].digested, covered[*one].digested_examples, name);
        }
      }
    }
    return covered;
  }

  void examine_excludes(bool strict, bool keylime) {
    const std::vector<Coverage> covered = coverage(strict, keylime);
    for (std::size_t i = 0; i < document_.excludes.size(); ++i) {
      const std::string& pattern = document_.excludes[i];
      const std::string pointer = "/excludes/" + std::to_string(i);
      const bool ends = pattern.ends_with(".*") || pattern.ends_with('$');
      if (pattern.empty() || pattern == ".*" || pattern == "/.*" || pattern == "^.*$" || pattern == "^/.*$") {
        add(Severity::kWarning, "exclude-everything", pointer,
            "this pattern accepts every file without a look at its digest; name directories, or remove it");
      } else if (strict && !ends) {
        std::string text = "Keylime excludes everything that begins like '" + printable(pattern) +
                           "', mode strict only this name itself";
        if (covered[i].lost > 0)
          text += ": it would no longer cover " + names_text(covered[i].lost_examples, covered[i].lost);
        add(covered[i].lost > 0 ? Severity::kWarning : Severity::kNote, "exclude-open-end", pointer,
            text + "; append .* to cover all of them in both modes, or $ to cover one");
      }
      if (covered[i].digested > 0) {
        add(Severity::kWarning, "exclude-hides-digests", pointer,
            "it accepts names without a look at the digests that the policy has for them: " +
                names_text(covered[i].digested_examples, covered[i].digested) + "; narrow it, or remove these names");
      }
    }
  }

  void examine_names() {
    for (const policy::DigestMap map : {policy::DigestMap::kFiles, policy::DigestMap::kVerity}) {
      for (const auto& [name, digests] : document_.map(map)) {
        const std::string pointer = pointer_of(member_of(map), name);
        if (name.find(' ') != std::string::npos) {
          add(Severity::kWarning, "name-with-space", pointer,
              "no record has this name: the kernel writes _ for each space; write it so");
        }
        if (!name.starts_with('/') && !name.starts_with("boot_aggregate")) {
          add(Severity::kNote, "name-not-absolute", pointer,
              "only files that no path leads to, such as those of memfd_create(), have such a name");
        }
        const auto is_sha1 = [](const std::string& digest) { return digest.size() == 40; };
        if (std::all_of(digests.begin(), digests.end(), is_sha1)) ++sha1_only_;
      }
    }
  }

  void examine_packages() {
    std::set<std::string_view> accepted;
    for (const DigestSets& map : document_.maps) {
      for (const auto& [name, digests] : map) accepted.insert(digests.begin(), digests.end());
    }
    accepted.insert(document_.any_path.begin(), document_.any_path.end());
    const auto updates = document_.rules.find("updates");
    const std::string in_updates = updates == document_.rules.end() ? "" : updates->second;
    std::uint64_t unused = 0;
    std::string example;
    for (const auto& [id, digests] : document_.packages) {
      for (const std::string& digest : digests) {
        if (accepted.contains(digest) || in_updates.find(digest) != std::string::npos) continue;
        ++unused;
        if (example.empty()) example = id.name + " " + id.version;
      }
    }
    if (unused == 0) return;
    add(Severity::kNote, "package-accepts-nothing", "/imakeep/packages",
        std::to_string(unused) + " digests of packages, such as one of " + printable(example) +
            ", stand for no name; a package alone accepts nothing");
  }

  void examine_updates() {
    const auto found = document_.rules.find("updates");
    if (found == document_.rules.end()) return;
    const nlohmann::json updates = nlohmann::json::parse(found->second);
    for (std::size_t i = 0; i < updates.size(); ++i) {
      const std::string pointer = "/imakeep/updates/" + std::to_string(i);
      if (!updates[i].contains("to_record")) {
        add(Severity::kNote, "update-open", pointer,
            "the old digests stay accepted; write to_record once every host has the update");
      }
    }
  }

  void examine_whole() {
    if (document_.files().empty()) {
      add(Severity::kWarning, "no-files", "/digests", "the policy accepts no file but those that are excluded");
    } else if (!document_.files().contains("boot_aggregate") && document_.boot_aggregates.empty()) {
      add(Severity::kNote, "no-boot-aggregate", "/digests",
          "boot_aggregate is missing, and Keylime refuses its record then; imakeep computes it from quoted PCRs");
    }
    if (sha1_only_ > 0) {
      add(Severity::kNote, "sha1-only", "/digests",
          std::to_string(sha1_only_) + " names have digests by sha1 alone, for which collisions are known");
    }
  }

  const Document& document_;
  Lint& lint_;
  std::uint64_t sha1_only_ = 0;
};

// "POINTER: TEXT" of an error of parse_policy().
Remark error_remark(const Error& error, const char* mode) {
  const std::string& message = error.message;
  const std::size_t colon = message.find(": ");
  const bool placed = colon != std::string::npos && (message[0] == '/' || message.starts_with("(top)"));
  return {.severity = Severity::kError,
          .id = mode,
          .pointer = placed ? message.substr(0, colon) : "(top)",
          .text = placed ? message.substr(colon + 2) : message};
}

const char* severity_name(Severity severity) {
  return severity == Severity::kError ? "error" : severity == Severity::kWarning ? "warning" : "note";
}

}  // namespace

std::uint64_t Lint::count(Severity severity) const {
  return static_cast<std::uint64_t>(
      std::count_if(remarks.begin(), remarks.end(), [&](const Remark& remark) { return remark.severity == severity; }));
}

Lint lint_policy(ByteView file, const std::vector<policy::PolicyKey>& keys) {
  Lint lint;
  const auto strict = policy::parse_policy(file, Mode::kStrict, keys);
  const auto keylime = policy::parse_policy(file, Mode::kKeylime, keys);
  if (!strict) lint.remarks.push_back(error_remark(strict.error(), "refused-in-strict"));
  if (!keylime) lint.remarks.push_back(error_remark(keylime.error(), "refused-in-keylime"));
  if (!strict && !keylime) {
    if (lint.remarks[0].text == lint.remarks[1].text) lint.remarks.pop_back();
    return lint;
  }
  const auto document = read_document(file, keys);
  if (!document) return lint;
  lint.names = name_count(*document);
  lint.digests = digest_count(*document);
  lint.packages = document->packages.size();
  lint.patterns = document->excludes.size();
  Examination(*document, lint).run(strict.has_value(), keylime.has_value());
  std::stable_sort(lint.remarks.begin(), lint.remarks.end(),
                   [](const Remark& a, const Remark& b) { return a.severity < b.severity; });
  return lint;
}

std::string lint_text(const Lint& lint) {
  std::string out;
  for (const Remark& remark : lint.remarks) {
    out.append(severity_name(remark.severity)).append(": ").append(remark.pointer).append(": ").append(remark.text);
    out.append(" [").append(remark.id).append("]\n");
  }
  out += std::to_string(lint.names) + " names, " + std::to_string(lint.digests) + " digests, " +
         std::to_string(lint.packages) + " packages, " + std::to_string(lint.patterns) + " excludes; ";
  return out + std::to_string(lint.count(Severity::kError)) + " errors, " +
         std::to_string(lint.count(Severity::kWarning)) + " warnings\n";
}

nlohmann::ordered_json lint_json(const Lint& lint) {
  nlohmann::ordered_json remarks = nlohmann::ordered_json::array();
  for (const Remark& remark : lint.remarks) {
    remarks.push_back({{"severity", severity_name(remark.severity)},
                       {"id", remark.id},
                       {"pointer", remark.pointer},
                       {"text", remark.text}});
  }
  return {{"good", lint.good()},       {"names", lint.names},       {"digests", lint.digests},
          {"packages", lint.packages}, {"excludes", lint.patterns}, {"remarks", remarks}};
}

}  // namespace imakeep::reference
