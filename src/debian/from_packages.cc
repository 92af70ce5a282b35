// SPDX-License-Identifier: Apache-2.0
#include "debian/from_packages.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "debian/deb_file.h"
#include "debian/package_files.h"
#include "debian/release.h"
#include "reference/file_hash.h"
#include "reference/unpack.h"

namespace imakeep::debian {
namespace {

constexpr std::uint64_t kMostReleaseBytes = 64u << 20;
constexpr std::size_t kMostIndexBytes = std::size_t{2} << 30;

// What each package is fetched from.
struct Located {
  PoolFile file;
  std::string url;
};

class Mirror {
 public:
  Mirror(const FromPackages& options, const Source& source, Fetcher& fetcher)
      : options_(options), source_(source), fetcher_(fetcher) {}

  // The wanted packages that this source has.
  Result<PoolFiles> find(const std::set<InstalledPackage>& wanted, const std::set<std::string>& architectures) {
    const std::string url = url_below(source_.url, directory() + "InRelease");
    IMAKEEP_TRY(const auto& file, fetcher_.fetch_unknown(url, kMostReleaseBytes));
    const auto checked = read_release(file);
    if (!checked) return unexpected(named(checked.error(), printable(url)));
    PoolFiles found;
    for (const std::string& component : source_.components) {
      bool any = false;
      for (const std::string& architecture : architectures) {
        if (!has_index(*checked, architecture)) continue;
        IMAKEEP_TRY(const bool there, add_index(*checked, component + "/binary-" + architecture, wanted, found));
        any = any || there;
      }
      if (!any) {
        return fail(ErrorCode::kMismatch,
                    printable(url) + " names no Packages of component " + component + "; correct the source");
      }
    }
    return found;
  }

 private:
  std::string directory() const { return "dists/" + source_.suite + "/"; }

  Result<Release> read_release(const Bytes& file) const {
    IMAKEEP_TRY(const auto& text, verify_release(file, options_.keyring));
    IMAKEEP_TRY(auto release, parse_release(text));
    IMAKEEP_CHECK(check_release(release, source_.suite, options_.now_unix_s));
    return release;
  }

  // False if the release names no such index.
  Result<bool> add_index(const Release& release, const std::string& place, const std::set<InstalledPackage>& wanted,
                         PoolFiles& found) {
    for (const char* const form : {"/Packages.xz", "/Packages.gz", "/Packages"}) {
      const auto named_file = release.files.find(place + form);
      if (named_file == release.files.end()) continue;
      IMAKEEP_TRY(const auto& path, fetch_index(release, place, named_file->first, named_file->second));
      IMAKEEP_TRY(auto bytes, read_file(path));
      if (std::string_view(form) != "/Packages" && !bytes.empty()) {
        auto unpacked = reference::unpack(bytes, kMostIndexBytes);
        if (!unpacked) return unexpected(named(unpacked.error(), place + form));
        bytes = std::move(unpacked->bytes);
      }
      const auto added = add_packages(as_text(bytes), wanted, found);
      if (!added) return unexpected(named(added.error(), source_.url + " " + place + form));
      return true;
    }
    return false;
  }

  Result<std::string> fetch_index(const Release& release, const std::string& place, const std::string& name,
                                  const IndexFile& file) {
    const auto wanted = [&](const std::string& path) {
      return Wanted{.url = url_below(source_.url, directory() + path), .sha256 = file.sha256, .bytes = file.bytes};
    };
    if (release.by_hash) {
      // The name of an index changes its content when the mirror is updated; this name does not.
      auto fetched = fetcher_.fetch(wanted(place + "/by-hash/SHA256/" + file.sha256));
      if (fetched) return fetched;
    }
    return fetcher_.fetch(wanted(name));
  }

  const FromPackages& options_;
  const Source& source_;
  Fetcher& fetcher_;
};

std::set<std::string> architectures_of(const std::vector<InstalledPackage>& packages) {
  std::set<std::string> architectures;
  for (const InstalledPackage& package : packages) architectures.insert(package.architecture);
  return architectures;
}

Result<std::map<InstalledPackage, Located>> locate(const FromPackages& options, Fetcher& fetcher) {
  const std::set<InstalledPackage> wanted(options.installed.packages.begin(), options.installed.packages.end());
  std::map<InstalledPackage, Located> located;
  for (const Source& source : options.sources) {
    IMAKEEP_TRY(auto found,
                Mirror(options, source, fetcher).find(wanted, architectures_of(options.installed.packages)));
    for (auto& [package, file] : found) {
      const std::string url = url_below(source.url, file.path);
      located.emplace(package, Located{.file = std::move(file), .url = url});
    }
  }
  return located;
}

}  // namespace

Result<Source> parse_source(std::string_view line) {
  Source source;
  for (const std::string_view word : split(line, " \t")) {
    if (word.empty()) continue;
    if (source.url.empty()) {
      source.url = word;
    } else if (source.suite.empty()) {
      source.suite = word;
    } else {
      source.components.emplace_back(word);
    }
  }
  if (source.components.empty() || source.suite.find('/') != std::string::npos) {
    return fail(ErrorCode::kUsage, "a source is \"URL SUITE COMPONENT...\", not \"" + std::string(line) + "\"");
  }
  return source;
}

Result<FromPackagesReport> add_from_packages(const FromPackages& options, Fetcher& fetcher,
                                             reference::Document& document) {
  IMAKEEP_TRY(const auto& located, locate(options, fetcher));
  FromPackagesReport report;
  for (const InstalledPackage& package : options.installed.packages) {
    const auto found = located.find(package);
    if (found == located.end()) {
      report.missing.push_back(package);
    } else {
      report.bytes += found->second.file.bytes;
    }
  }
  PackageFiles files(
      {.diversions = options.diversions, .merged_usr = options.merged_usr, .dpkg_new = options.dpkg_new});
  std::uint64_t done = 0;
  for (const auto& [package, where] : located) {
    const auto on_bytes = [&](std::uint64_t bytes) {
      done += bytes;
      if (options.on_bytes) options.on_bytes(done, report.bytes);
    };
    IMAKEEP_TRY(const auto& path, fetcher.fetch({where.url, where.file.sha256, where.file.bytes}, on_bytes));
    auto contents = read_deb_file(path, options.algorithms);
    if (!contents) return unexpected(named(contents.error(), printable(where.url)));
    if (contents->package != package) {
      return fail(ErrorCode::kMismatch, printable(where.url) + " is " + printable(text_of(contents->package)) +
                                            ", and the index says " + printable(text_of(package)) +
                                            "; use another mirror");
    }
    files.add(*contents);
    ++report.packages;
  }
  report.files = files.file_count();
  reference::state_algorithms(options.algorithms, document);
  report.not_utf8 = files.finish(document);
  return report;
}

}  // namespace imakeep::debian
