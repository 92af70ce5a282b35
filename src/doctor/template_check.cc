// SPDX-License-Identifier: Apache-2.0
#include "doctor/template_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "imalog/ascii.h"
#include "imalog/list_reader.h"
#include "imalog/template_digest.h"

namespace imakeep::doctor {
namespace {

constexpr std::size_t kFrontBytes = 1u << 20;

Result<Bytes> read_front(const std::string& path, std::size_t most_bytes) {
  IMAKEEP_TRY(const auto& file, open_file(path, O_RDONLY));
  Bytes bytes(most_bytes);
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read " + path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

bool same_front(ByteView a, ByteView b) {
  const std::size_t both = std::min(a.size(), b.size());
  return equal(a.first(both), b.first(both)) && (both > 0 || a.size() == b.size());
}

void add_once(std::vector<std::string>& names, std::string_view name) {
  if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
}

}  // namespace

Result<TemplateCheck> check_templates(ByteView binary, std::string_view ascii, const digest::Bank& bank,
                                      const imalog::TemplateSet& templates) {
  TemplateCheck check;
  const ByteOrder order = imalog::detect_order(binary, bank);
  imalog::ListReader reader(binary, {.digest_bytes = static_cast<std::uint8_t>(bank.digest_bytes()), .order = order},
                            false);
  std::string line;
  for (;; ++check.records) {
    const auto record = reader.next();
    if (!record && record.error().code != ErrorCode::kTruncated) return unexpected(record.error());
    if (!record || *record == nullptr) return check;
    const imalog::RecordContentView content = (*record)->content();
    if (!templates.find(content.template_name)) add_once(check.unknown, content.template_name);
    line.clear();
    const bool printed = imalog::append_ascii(line, content, (*record)->digest, order, templates).has_value();
    if (printed && line.size() > ascii.size()) return check;
    if (!printed || !ascii.starts_with(line)) {
      check.difference = {.record = check.records, .template_name = std::string(content.template_name)};
      return check;
    }
    ascii.remove_prefix(line.size());
  }
}

Result<TemplateCheck> check_templates(const imalog::ImaDirectory& directory, const imalog::TemplateSet& templates) {
  using imalog::Form;
  using imalog::Part;
  const std::string binary_path = directory.original();
  IMAKEEP_TRY(const auto& binary, read_front(binary_path, kFrontBytes));
  // An ASCII line is longer than its binary record, apart from the binary form's length fields.
  IMAKEEP_TRY(const auto& ascii,
              read_front(directory.list_path(Form::kAscii, directory.first_bank(), Part::kCurrent), 4 * kFrontBytes));
  IMAKEEP_TRY(const auto& again, read_front(binary_path, kFrontBytes));
  if (!same_front(binary, again)) {
    return fail(ErrorCode::kRefused, "records were deleted from the list while it was read");
  }
  return check_templates(binary, as_text(ascii), directory.first_bank(), templates);
}

}  // namespace imakeep::doctor
