// SPDX-License-Identifier: Apache-2.0
#include "evidence/verdict.h"

#include "evidence/challenge.h"
#include "evidence/message.h"

namespace imakeep::evidence {

std::string make_verdict(const Verdict& verdict) {
  return text_of({{"version", kControlVersion},
                  {"chain", verdict.chain},
                  {"n", verdict.n},
                  {"again", verdict.again},
                  {"interval_s", verdict.interval_s},
                  {"result", verdict.result}});
}

std::string make_part_receipt(const PartReceipt& receipt) {
  return text_of({{"version", kControlVersion}, {"chain", receipt.chain}, {"first", receipt.first}});
}

std::string make_problem(const Problem& problem) {
  nlohmann::ordered_json object = {{"title", "the verifier refuses the request"},
                                   {"status", problem.status},
                                   {"reason", problem.reason},
                                   {"detail", problem.detail}};
  if (problem.first) object["first"] = *problem.first;
  return text_of(object);
}

Result<Verdict> read_verdict(std::string_view text) {
  IMAKEEP_TRY(const auto& object, read_message(text, "the verdict", kMostVerdictBytes));
  const jsontext::Members members(object, "the verdict");
  Verdict verdict;
  IMAKEEP_TRY(verdict.chain, members.count("chain"));
  IMAKEEP_TRY(verdict.n, members.count("n"));
  const auto* const again = members.find("again");
  if (again == nullptr || !again->is_boolean()) return members.bad("again", "is no boolean");
  verdict.again = again->get<bool>();
  IMAKEEP_TRY(verdict.interval_s, members.count("interval_s"));
  IMAKEEP_TRY(verdict.result, members.text("result"));
  return verdict;
}

Result<PartReceipt> read_part_receipt(std::string_view text) {
  IMAKEEP_TRY(const auto& object, read_message(text, "the receipt", kMostVerdictBytes));
  const jsontext::Members members(object, "the receipt");
  PartReceipt receipt;
  IMAKEEP_TRY(receipt.chain, members.count("chain"));
  IMAKEEP_TRY(receipt.first, members.count("first"));
  return receipt;
}

Result<Problem> read_problem(std::string_view text) {
  if (text.size() > kMostVerdictBytes) return fail(ErrorCode::kUnsupported, "the problem is too long");
  IMAKEEP_TRY(const auto& object, jsontext::read_object(text, "the problem"));
  const jsontext::Members members(object, "the problem");
  Problem problem;
  IMAKEEP_TRY(const auto status, members.count("status"));
  if (status < 100 || status > 599) return members.bad("status", "is no status of HTTP");
  problem.status = static_cast<int>(status);
  IMAKEEP_TRY(problem.reason, members.text("reason"));
  IMAKEEP_TRY(problem.detail, members.text("detail"));
  IMAKEEP_TRY(problem.first, members.optional_count("first"));
  return problem;
}

}  // namespace imakeep::evidence
