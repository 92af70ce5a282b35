// SPDX-License-Identifier: Apache-2.0
// imalog/template_set.h - descriptions of templates that mainline Linux lacks. With one, imakeep splits a record into
// fields and prints it like the kernel that made it.
//
//   descriptions := description (white space description)*
//   description  := name '=' field ('|' field)*
//   field        := a field id of template.h, or id ':' form
//   form         := text | hex | number | digest | uuid
//
// How the forms print:
//   text     up to the first NUL                                  like field n-ng
//   hex      every byte                                           like field buf
//   number   an integer of 1, 2, 4 or 8 bytes, decimal            like field iuid
//   digest   "ALG:" and hex                                       like field d-ng
//   uuid     16 bytes: 6582e360-1354-42b9-a6ef-ee1993d982da       like "%pU" in Linux
// The name is the one in the list. For a free format the name is the format itself, with its '|'.
//
// Threads: no shared state; const use is safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "imalog/template.h"

namespace imakeep::imalog {

class TemplateSet {
 public:
  // An empty set: only the templates of mainline Linux.
  TemplateSet() = default;
  static const TemplateSet& mainline();

  // kUsage; the message names the description and what is wrong with it: no "NAME=FIELDS", a template that mainline
  // Linux has, a template described twice, an unknown field without a form, an unknown form, too many fields.
  static Result<TemplateSet> parse(std::string_view descriptions);

  bool empty() const { return described_.empty(); }
  // The described template, or else Template::find(); empty if neither knows the name.
  std::optional<Template> find(std::string_view name) const;
  // The id of the field at `index`. REQUIRES: find() knows the template.
  std::string field_name(std::string_view name, std::size_t index) const;

 private:
  struct Described {
    std::string name;
    Template fields;
    std::vector<std::string> field_names;
  };
  Result<void> add(std::string_view description);
  const Described* described(std::string_view name) const;

  std::vector<Described> described_;
};

}  // namespace imakeep::imalog
