// SPDX-License-Identifier: Apache-2.0
#include "output/cursor.h"

#include <fcntl.h>

#include <filesystem>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace imakeep::output {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kBegin = "{\"imakeep_cursor\":";
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kMostBytes = 4096;

// The bank whose values do not depend on what the keeper learns of the kernel later: sha1 is extended in one way only.
std::size_t bank_of_state(const digest::PcrState& pcrs) {
  for (std::size_t i = 0; i < pcrs.banks().size(); ++i) {
    if (pcrs.banks()[i].algorithm == digest::Algorithm::kSha1) return i;
  }
  return 0;
}

Result<digest::PcrState> replayed(archive::Archive& archive, const archive::Chain& chain, std::uint64_t number) {
  // An anchor may be set here later, and that must not change the cursor.
  IMAKEEP_TRY(auto anchors, archive.anchors(chain));
  for (archive::Anchor& anchor : anchors) {
    if (anchor.number == number) return std::move(anchor.before_pcrs);
  }
  return archive.state_at(chain, number);
}

unexpected<Error> another_archive(const std::string& path, const Cursor& cursor, const std::string& why) {
  return fail(ErrorCode::kMismatch, path + ": the cursor is of another archive: it stands before record " +
                                        std::to_string(cursor.next) + " of chain " +
                                        std::to_string(cursor.chain.value()) + ", " + why +
                                        "; name another cursor, or remove this one to begin anew");
}

std::optional<std::uint64_t> count_of(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

}  // namespace

Result<Cursor> cursor_at(archive::Archive& archive, const archive::Chain& chain, std::uint64_t next) {
  IMAKEEP_TRY(const digest::PcrState pcrs, replayed(archive, chain, next));
  Bytes values;
  if (!pcrs.banks().empty()) {
    const std::size_t bank = bank_of_state(pcrs);
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) append_bytes(values, pcrs.value(bank, pcr).view());
  }
  const digest::Digest state = digest::hash(digest::Algorithm::kSha256, values);
  return Cursor{.chain = chain.chain, .next = next, .state = Bytes(state.view().begin(), state.view().end())};
}

Result<std::optional<Cursor>> read_cursor(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  IMAKEEP_TRY(const Bytes text, read_file(path, {.most_bytes = kMostBytes}));
  if (text.empty()) return std::nullopt;
  const json object = json::parse(as_text(text), nullptr, /*allow_exceptions=*/false);
  const auto no_cursor = [&path] {
    return fail(ErrorCode::kMalformed,
                path + ": no cursor of imakeep log; name another file, or remove it to begin anew");
  };
  if (!object.is_object() || !count_of(object, "imakeep_cursor")) return no_cursor();
  if (const auto version = count_of(object, "imakeep_cursor"); version != kVersion) {
    return fail(ErrorCode::kUnsupported, path + ": a cursor of version " + std::to_string(*version) +
                                             ", which this imakeep does not know; use the one that wrote it");
  }
  const auto chain = count_of(object, "chain");
  const auto next = count_of(object, "next");
  const auto state = object.find("state");
  if (!chain || !next || state == object.end() || !state->is_string()) return no_cursor();
  auto bytes = from_hex(state->get<std::string>());
  if (!bytes) return no_cursor();
  return Cursor{.chain = archive::ChainId(*chain), .next = *next, .state = std::move(*bytes)};
}

Result<void> write_cursor(const std::string& path, const Cursor& cursor) {
  IMAKEEP_CHECK(check_replaceable(path, as_bytes(kBegin), "cursor"));
  const ordered_json object = {{"imakeep_cursor", kVersion},
                               {"chain", cursor.chain.value()},
                               {"next", cursor.next},
                               {"state", to_hex(cursor.state)}};
  return replace_file(path, as_bytes(object.dump() + "\n"), 0600);
}

Result<archive::Chain> chain_of_cursor(archive::Archive& archive, const Cursor& cursor, const std::string& path) {
  auto chain = archive.chain(cursor.chain);
  if (!chain) {
    if (chain.error().code != ErrorCode::kUsage) return chain;
    return another_archive(path, cursor, "which the archive does not have");
  }
  if (cursor.next > chain->end) {
    return another_archive(path, cursor, "but the chain ends before record " + std::to_string(chain->end));
  }
  if (cursor.next < chain->first_kept) {
    return fail(ErrorCode::kMismatch,
                path + ": records " + std::to_string(cursor.next) + " to " + std::to_string(chain->first_kept - 1) +
                    " of chain " + std::to_string(cursor.chain.value()) +
                    " were retired before they were printed; remove the cursor to continue with the records that are "
                    "kept");
  }
  IMAKEEP_TRY(const Cursor now, cursor_at(archive, *chain, cursor.next));
  if (now.state != cursor.state) return another_archive(path, cursor, "before which the archive has other records");
  return chain;
}

}  // namespace imakeep::output
