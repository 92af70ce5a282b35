// SPDX-License-Identifier: Apache-2.0
// mlist/test_support.h - for tests only: short helpers that fill a list and inspect it.
// Threads: no shared state.
#pragma once

#include <string>
#include <vector>

#include "imalog/ascii.h"
#include "imalog/test_support.h"
#include "mlist/list_cursor.h"

namespace imakeep::mlist::test {

using imalog::test::bank;
using imalog::test::banks;
using imalog::test::Content;
using imalog::test::ima_ng;
using imalog::test::must;

inline void must(const Result<void>& result) {
  if (!result) throw std::runtime_error(describe(result.error()));
}

// The answer to a request: 0, or Linux's errno.
template <class T>
int errno_of(const Result<T>& result) {
  return result ? 0 : result.error().os_errno;
}

// "/0", "/1", ...
inline Content numbered(std::uint64_t number) {
  return ima_ng("/" + std::to_string(number));
}

inline void append_numbered(MeasurementList& list, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = first; i < first + count; ++i) must(list.append(numbered(i).view()));
}

inline std::string path_of(const imalog::RecordContentView& content) {
  const std::size_t path = 4 + load<std::uint32_t>(content.body.data()) + 4;
  return std::string(as_text(content.body.subspan(path, content.body.size() - path - 1)));
}

inline Content content_of(const imalog::RecordContentView& content) {
  return {.pcr = content.pcr,
          .template_name = std::string(content.template_name),
          .body = Bytes(content.body.begin(), content.body.end()),
          .violation = content.violation};
}

inline std::vector<Content> contents_of(const MeasurementList& list, ListKind kind) {
  std::vector<Content> contents;
  ListWalk walk(list, list.snapshot(kind));
  while (const auto content = walk.next()) contents.push_back(content_of(*content));
  return contents;
}

// The paths of a list of ima-ng records.
inline std::vector<std::string> paths_of(const MeasurementList& list, ListKind kind = ListKind::kCurrent) {
  std::vector<std::string> paths;
  for (const Content& content : contents_of(list, kind)) paths.push_back(path_of(content.view()));
  return paths;
}

// "/first" and the paths after it, `count` in all.
inline std::vector<std::string> numbered_paths(std::uint64_t first, std::uint64_t count) {
  std::vector<std::string> paths;
  for (std::uint64_t i = first; i < first + count; ++i) paths.push_back("/" + std::to_string(i));
  return paths;
}

// The whole file, from one read.
inline Bytes shown(const MeasurementList& list, ListKind kind, Form form, const digest::Bank& of) {
  Bytes bytes;
  must(ListCursor(list, kind, form, of).read(0, std::size_t{1} << 30, bytes));
  return bytes;
}

// The expected content of the file.
inline Bytes expected(const std::vector<Content>& contents, Form form, const digest::Bank& of) {
  if (form == Form::kBinary) return imalog::test::list_of(contents, of, kHostOrder);
  std::string text;
  for (const Content& content : contents) {
    must(imalog::append_ascii(text, content.view(), imalog::shown_digest(of, content.view()).view()));
  }
  return imalog::test::bytes_of(text);
}

}  // namespace imakeep::mlist::test
