// SPDX-License-Identifier: Apache-2.0
#include "debian/root_comparison.h"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "policy/patterns.h"
#include "reference/file_hash.h"
#include "reference/root_walk.h"

namespace imakeep::debian {
namespace {

struct Maker {
  const char* pattern;  // RE2, for the whole path
  const char* maker;
};

// Paths that Debian's maintainer scripts, triggers and tools write.
constexpr std::array kMakers = {
    Maker{"/boot/grub/.*", "update-grub, grub-install"},
    Maker{"/boot/initrd.*", "update-initramfs"},
    Maker{"/boot/efi/.*", "grub-install"},
    Maker{"/usr/lib/modules/[^/]*/modules\\..*", "depmod"},
    Maker{"/usr/lib/modules/[^/]*/updates/.*", "dkms"},
    Maker{".*/__pycache__/.*\\.pyc", "py3compile: Python bytecode"},
    Maker{".*\\.pyc", "py3compile: Python bytecode"},
    Maker{".*\\.elc", "emacs-package-install: Emacs bytecode"},
    Maker{".*/gschemas\\.compiled", "glib-compile-schemas"},
    Maker{".*/icon-theme\\.cache", "gtk-update-icon-cache"},
    Maker{".*/giomodule\\.cache", "gio-querymodules"},
    Maker{".*/loaders\\.cache", "gdk-pixbuf-query-loaders"},
    Maker{".*/immodules\\.cache", "gtk-query-immodules"},
    Maker{"/usr/share/applications/(mimeinfo\\.cache|.*/mimeinfo\\.cache)", "update-desktop-database"},
    Maker{"/usr/share/mime/.*", "update-mime-database"},
    Maker{"/usr/share/info/dir(\\.old)?(\\.gz)?", "install-info"},
    Maker{"/usr/share/fonts/.*", "fontconfig, update-fonts-dir"},
    Maker{"/usr/lib/locale/.*", "locale-gen"},
    Maker{"(/usr)?/lib/udev/hwdb\\.bin", "systemd-hwdb"},
    Maker{"/usr/lib/ghc/.*package\\.cache", "ghc-pkg"},
    Maker{".*/ls-R(-.*)?", "mktexlsr"},
    Maker{"/usr/lib/jvm/.*\\.jsa", "java -Xshare:dump"},
    Maker{"/usr/lib/jvm/.*/lib/security/cacerts", "ca-certificates-java"},
    Maker{"/usr/share/glib-2\\.0/.*\\.compiled", "glib-compile-schemas"},
    Maker{"/usr/share/perl/.*\\.al", "perl"},
    Maker{"/usr/share/xml/.*|/usr/share/sgml/.*\\.cat", "update-xmlcatalog, update-catalog"},
    Maker{"/usr/share/.*/vtype_.*|/usr/share/maven-repo/.*", "maven"},
    Maker{"/usr/lib/.*/gconv-modules\\.cache", "iconvconfig"},
    Maker{"/usr/lib/php/.*\\.ini", "phpenmod"},
    Maker{"/usr/(lib|share)/rustlib/.*", "rustup"},
    Maker{"/usr/lib/(python3|pymodules)/.*\\.egg-info/.*", "pip"},
    Maker{".*\\.dpkg-(new|old|dist|tmp|bak)", "dpkg"},
};

policy::Patterns maker_patterns() {
  std::vector<std::string> patterns;
  patterns.reserve(std::size(kMakers));
  for (const Maker& maker : kMakers) patterns.emplace_back(maker.pattern);
  auto compiled = policy::Patterns::compile(patterns, policy::Mode::kStrict);
  return compiled ? std::move(*compiled) : policy::Patterns();
}

// The packages of files, by the lists of dpkg's database. A path may be written with or without /usr.
using Owners = std::map<std::string, std::string, std::less<>>;

std::string without_usr(std::string_view path) {
  return std::string(path.starts_with("/usr/") ? path.substr(4) : path);
}

// The name of a package in the name of its list, which may have the architecture after a colon.
std::string package_of_list(const std::string& list) {
  return list.substr(0, list.find(':'));
}

// Where dpkg put the file that a package has at the path.
std::string_view diverted(std::string_view path, const std::string& package, const Diversions& by_plain_path) {
  const auto found = by_plain_path.find(without_usr(path));
  return found == by_plain_path.end() || found->second.package == package ? path : found->second.to;
}

Owners owners_in(const std::string& root, const Diversions& diversions) {
  Diversions by_plain_path;
  for (const auto& [path, diversion] : diversions) by_plain_path.emplace(without_usr(path), diversion);
  Owners owners;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(root + "/var/lib/dpkg/info", ignored)) {
    if (entry.path().extension() != ".list") continue;
    const auto list = read_file(entry.path().string());
    if (!list) continue;
    const std::string package = entry.path().stem().string();
    for (const std::string_view line : split(as_text(*list), "\n")) {
      if (line.empty()) continue;
      owners.emplace(without_usr(diverted(line, package_of_list(package), by_plain_path)), package);
    }
  }
  return owners;
}

class Comparison {
 public:
  Comparison(const ComparisonOptions& options, const reference::Document& document)
      : document_(document), makers_(maker_patterns()), owners_(owners_in(options.root, options.diversions)) {
    for (const std::string& path : options.conffiles) conffiles_.insert(without_usr(path));
    for (const InstalledPackage& package : options.missing) missing_.insert(package.name);
  }

  void take(reference::RootFile file) {
    ++result_.files;
    const auto known = document_.files().find(reference::measured_name(file.path));
    if (known != document_.files().end() && accepted(known->second, file.digests)) {
      ++result_.accepted;
      return;
    }
    Unexplained unexplained{.path = file.path, .digests = std::move(file.digests)};
    explain(known != document_.files().end(), unexplained);
    result_.unexplained.push_back(std::move(unexplained));
  }

  RootComparison result() { return std::move(result_); }

 private:
  static bool accepted(const reference::DigestSet& known, const reference::DigestSet& digests) {
    return std::any_of(digests.begin(), digests.end(), [&](const std::string& d) { return known.contains(d); });
  }

  void explain(bool name_is_known, Unexplained& file) const {
    const auto owner = owners_.find(without_usr(file.path));
    if (owner != owners_.end()) file.detail = owner->second;
    if (!name_is_known && missing_.contains(package_of_list(file.detail))) {
      file.cause = Cause::kMissingPackage;
    } else if (conffiles_.contains(without_usr(file.path))) {
      file.cause = Cause::kConffile;
    } else if (name_is_known) {
      file.cause = Cause::kAltered;
    } else if (file.path.starts_with("/usr/local/")) {
      file.cause = Cause::kLocal;
    } else if (const auto maker = makers_.match(file.path)) {
      file.cause = Cause::kMade;
      file.detail = kMakers[*maker.index].maker;
    }
  }

  const reference::Document& document_;
  const policy::Patterns makers_;
  const Owners owners_;
  std::set<std::string> conffiles_;
  std::set<std::string> missing_;
  RootComparison result_;
};

}  // namespace

std::string_view cause_name(Cause cause) {
  switch (cause) {
    case Cause::kConffile:
      return "changed conffile";
    case Cause::kAltered:
      return "other content than in its package";
    case Cause::kMissingPackage:
      return "package that no source has";
    case Cause::kMade:
      return "made on the machine";
    case Cause::kLocal:
      return "local";
    case Cause::kUnknown:
      return "not explained";
  }
  return "";
}

std::map<Cause, std::uint64_t> RootComparison::counts() const {
  std::map<Cause, std::uint64_t> counts;
  for (const Unexplained& file : unexplained) ++counts[file.cause];
  return counts;
}

std::string maker_of(std::string_view path) {
  const auto found = maker_patterns().match(path);
  return found ? kMakers[*found.index].maker : "";
}

Result<RootComparison> compare_root(const ComparisonOptions& options, const reference::Document& document) {
  Comparison comparison(options, document);
  IMAKEEP_CHECK(
      reference::walk_root({.directory = options.root, .under = options.under, .algorithms = options.algorithms},
                           [&](reference::RootFile file) -> Result<void> {
                             comparison.take(std::move(file));
                             return {};
                           }));
  return comparison.result();
}

std::string comparison_text(const RootComparison& comparison) {
  std::string out;
  for (const Unexplained& file : comparison.unexplained) {
    out.append(cause_name(file.cause)).append(": ").append(printable(file.path));
    if (!file.detail.empty()) out.append(" (").append(printable(file.detail)).append(")");
    out += '\n';
  }
  out += std::to_string(comparison.files) + " files, " + std::to_string(comparison.accepted) + " accepted";
  for (const auto& [cause, count] : comparison.counts()) {
    out.append(", ").append(std::to_string(count)).append(" ").append(cause_name(cause));
  }
  return out + "\n";
}

nlohmann::ordered_json comparison_json(const RootComparison& comparison) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const Unexplained& file : comparison.unexplained) {
    files.push_back(
        {{"path", file.path}, {"cause", cause_name(file.cause)}, {"detail", file.detail}, {"digests", file.digests}});
  }
  nlohmann::ordered_json counts = nlohmann::ordered_json::object();
  for (const auto& [cause, count] : comparison.counts()) counts[std::string(cause_name(cause))] = count;
  return {{"files", comparison.files}, {"accepted", comparison.accepted}, {"refused", counts}, {"names", files}};
}

}  // namespace imakeep::debian
