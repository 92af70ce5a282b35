// SPDX-License-Identifier: Apache-2.0
// debian/deb822.h - reads Debian's control files: Packages, Release, dpkg's status.
//
//   file      := paragraph (blank line paragraph)*
//   paragraph := field+
//   field     := name ':' value '\n' (white-space text '\n')*
//
// Source: deb822(5). Threads: one thread at a time uses a reader.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace imakeep::debian {

struct Field {
  std::string_view name;
  std::string_view value;  // without white space around it; further lines begin with white space
};

// Borrows from the text.
class Paragraph {
 public:
  // The value of the field, whatever the case of its name. Empty if there is none.
  std::optional<std::string_view> find(std::string_view name) const;
  std::string_view value(std::string_view name) const { return find(name).value_or(std::string_view()); }
  const std::vector<Field>& fields() const { return fields_; }

 private:
  friend class Deb822Reader;
  std::vector<Field> fields_;
};

class Deb822Reader {
 public:
  // Borrows the text.
  explicit Deb822Reader(std::string_view text) : text_(text) {}

  // The next paragraph, which is valid until the next call; nullptr after the last. kMalformed, with the number of the
  // line in the message: a line that is neither a field nor a continuation, a field without a name, or a field twice.
  Result<const Paragraph*> next();

 private:
  std::string_view next_line();

  std::string_view text_;
  std::uint64_t line_ = 0;
  Paragraph paragraph_;
};

}  // namespace imakeep::debian
