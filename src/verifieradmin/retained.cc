// SPDX-License-Identifier: Apache-2.0
#include "verifieradmin/retained.h"

#include "base/base64.h"
#include "jsontext/json_text.h"

namespace imakeep::verifieradmin {

Result<void> copy_retained(AdminClient& client, const std::string& host, std::optional<std::uint64_t> chain,
                           std::uint64_t from, const std::function<Result<void>(ByteView piece)>& write) {
  const std::string where = "the verifier's answer";
  for (std::uint64_t next = from;;) {
    Query query{{"from", std::to_string(next)}, {"limit", "1000"}};
    if (chain) query["chain"] = std::to_string(*chain);
    IMAKEEP_TRY(const auto& text, client.ask("GET", "/v1/admin/hosts/" + url_part(host) + "/records", query));
    IMAKEEP_TRY(const auto& page, jsontext::read_object(text, where));
    const jsontext::Members members(page, where);
    // A host that begins a new chain meanwhile must not mix two.
    IMAKEEP_TRY(chain, members.count("chain"));
    IMAKEEP_TRY(const auto* const array, members.array("records"));
    for (const auto& one : *array) {
      const jsontext::Members record(one, where + ": records");
      IMAKEEP_TRY(const auto number, record.count("number"));
      if (number != next) {
        return fail(ErrorCode::kMalformed, "the verifier does not retain record " + std::to_string(next) +
                                               " of chain " + std::to_string(*chain) +
                                               "; the next one that it has is number " + std::to_string(number));
      }
      IMAKEEP_TRY(const auto& encoded, record.text("bytes"));
      const auto bytes = from_base64(encoded);
      if (!bytes) return record.bad("bytes", "is no base64");
      IMAKEEP_CHECK(write(*bytes));
      ++next;
    }
    IMAKEEP_TRY(const auto more, members.optional_count("next"));
    if (!more || array->empty()) return {};
  }
}

}  // namespace imakeep::verifieradmin
