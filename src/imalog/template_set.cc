// SPDX-License-Identifier: Apache-2.0
#include "imalog/template_set.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace imakeep::imalog {
namespace {

struct Form {
  std::string_view name;
  FieldId id;
};

constexpr std::array kForms = {Form{"text", FieldId::kOtherText}, Form{"hex", FieldId::kOtherHex},
                               Form{"number", FieldId::kOtherNumber}, Form{"digest", FieldId::kOtherDigest},
                               Form{"uuid", FieldId::kOtherUuid}};

Result<FieldId> field_id(std::string_view field) {
  const std::size_t colon = field.find(':');
  if (colon == std::string_view::npos) {
    const auto known = Template::find(field);
    if (known && known->free_format()) return known->fields().front();
    return fail(ErrorCode::kUsage, "no field '" + std::string(field) +
                                       "' in mainline Linux; say how it is printed, such as '" + std::string(field) +
                                       ":text'; the forms are text, hex, number, digest and uuid");
  }
  const std::string_view form = field.substr(colon + 1);
  const auto* const found = std::ranges::find(kForms, form, &Form::name);
  if (found == kForms.end() || colon == 0) {
    return fail(ErrorCode::kUsage, "field '" + std::string(field) +
                                       "' is not NAME:FORM; the forms are text, hex, number, digest and uuid");
  }
  return found->id;
}

}  // namespace

const TemplateSet& TemplateSet::mainline() {
  static const TemplateSet kNone;
  return kNone;
}

Result<TemplateSet> TemplateSet::parse(std::string_view descriptions) {
  TemplateSet set;
  for (const std::string_view description : split(descriptions, " \t\r\n")) {
    if (description.empty()) continue;
    if (const auto added = set.add(description); !added) {
      return unexpected(named(added.error(), "template '" + std::string(description) + "'"));
    }
  }
  return set;
}

Result<void> TemplateSet::add(std::string_view description) {
  const std::size_t equals = description.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals > kMaxNameBytes) {
    return fail(ErrorCode::kUsage, "it is not NAME=FIELD|FIELD...");
  }
  Described described{.name = std::string(description.substr(0, equals))};
  if (Template::find(described.name)) return fail(ErrorCode::kUsage, "mainline Linux has that template");
  if (find(described.name)) return fail(ErrorCode::kUsage, "it is described twice");
  std::vector<FieldId> ids;
  for (const std::string_view field : split(description.substr(equals + 1), "|")) {
    IMAKEEP_TRY(const auto& id, field_id(field));
    ids.push_back(id);
    described.field_names.emplace_back(field.substr(0, field.find(':')));
  }
  if (ids.empty() || ids.size() > kMaxFields) {
    return fail(ErrorCode::kUsage, "a template has 1 to " + std::to_string(kMaxFields) + " fields");
  }
  described.fields = Template::described(ids);
  described_.push_back(std::move(described));
  return {};
}

const TemplateSet::Described* TemplateSet::described(std::string_view name) const {
  const auto found = std::ranges::find(described_, name, &Described::name);
  return found == described_.end() ? nullptr : &*found;
}

std::optional<Template> TemplateSet::find(std::string_view name) const {
  if (described_.empty()) return Template::find(name);
  const Described* const found = described(name);
  return found != nullptr ? found->fields : Template::find(name);
}

std::string TemplateSet::field_name(std::string_view name, std::size_t index) const {
  if (const Described* const found = described(name)) return found->field_names[index];
  const auto known = Template::find(name);
  return known ? std::string(imalog::field_name(known->fields()[index])) : std::string();
}

}  // namespace imakeep::imalog
