// SPDX-License-Identifier: Apache-2.0
#include "authoring/examine_policy.h"

#include <nlohmann/json.hpp>

#include "authoring/inputs.h"
#include "reference/difference.h"
#include "reference/explain.h"
#include "reference/lint.h"

namespace imakeep::authoring {
namespace {

std::string lines_of(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<Answer> diff_policies(const std::string& before, const std::string& after, bool json) {
  IMAKEEP_TRY(const auto& old_document, read_policy(before));
  IMAKEEP_TRY(const auto& new_document, read_policy(after));
  const reference::Difference found = reference::difference(old_document, new_document);
  return Answer{.good = found.empty(),
                .text = json ? lines_of(reference::difference_json(found))
                             : reference::difference_text(found, old_document, new_document)};
}

Result<Answer> check_policy(const std::string& policy, const std::optional<std::string>& keys, bool json) {
  IMAKEEP_TRY(const auto& parsed_keys, read_policy_keys(keys));
  IMAKEEP_TRY(const auto& bytes, read_policy_file(policy));
  const reference::Lint lint = reference::lint_policy(bytes, parsed_keys);
  return Answer{.good = lint.good(), .text = json ? lines_of(reference::lint_json(lint)) : reference::lint_text(lint)};
}

Result<Answer> explain_policy(const std::string& policy, policy::Mode mode, const std::string& what, bool json) {
  IMAKEEP_TRY(const auto& bytes, read_policy_file(policy));
  const auto source = policy::parse_policy(bytes, mode);
  if (!source) return unexpected(named(source.error(), policy));
  IMAKEEP_TRY(const auto& compiled, policy::CompiledPolicy::compile(*source));
  const reference::Explanation explained = reference::explain(compiled, *source, what);
  return Answer{
      .good = explained.accepted,
      .text = json ? lines_of(reference::explanation_json(explained)) : reference::explanation_text(explained)};
}

}  // namespace imakeep::authoring
