// SPDX-License-Identifier: Apache-2.0
#include "verifieradmin/admin_client.h"

#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "base/text.h"
#include "evidence/verdict.h"
#include "jsontext/json_text.h"

namespace imakeep::verifieradmin {
namespace {

constexpr std::size_t kMostTokenBytes = 4096;
// A policy comes back as it was stored.
constexpr std::size_t kMostAnswerBytes = 300'000'000;

bool is_of_token(unsigned char c) {
  return std::isalnum(c) != 0 || std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
}

// RFC 6750, section 2.1. A token with a line break would be a header of its own.
Result<std::string> read_token(const std::string& file) {
  IMAKEEP_TRY(const Bytes bytes, read_file(file, {.most_bytes = kMostTokenBytes}));
  std::string token(trimmed(as_text(bytes)));
  if (token.empty() || !std::ranges::all_of(token, is_of_token)) {
    return fail(ErrorCode::kUsage,
                file + " holds no token; write the token that \"tokens add\" printed, alone, into it");
  }
  return token;
}

// What the verifier says about a request that it refuses.
Error refusal_of(const http::Answer& answer) {
  constexpr int kBadRequest = 400;
  constexpr int kNotFound = 404;
  constexpr int kConflict = 409;
  constexpr int kTooLarge = 413;
  constexpr int kUnprocessable = 422;
  Error error{.code = ErrorCode::kEnvironment};
  if (answer.status == kBadRequest || answer.status == kTooLarge || answer.status == kUnprocessable) {
    error.code = ErrorCode::kUsage;
  }
  if (answer.status == kNotFound || answer.status == kConflict) error.code = ErrorCode::kMismatch;
  const auto problem = evidence::read_problem(answer.body);
  error.message = problem ? "the verifier refuses (" + printable(problem->reason) + "): " + printable(problem->detail)
                          : "the verifier refuses (status " + std::to_string(answer.status) +
                                "): " + printable(trimmed(answer.body));
  return error;
}

}  // namespace

std::string url_part(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string part;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos) {
      part += c;
    } else {
      part += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return part;
}

Result<std::unique_ptr<AdminClient>> AdminClient::make(const Connection& connection) {
  http::ClientOptions options{.most_response_bytes = kMostAnswerBytes};
  std::string where;
  if (connection.server.empty()) {
    if (!connection.token_file.empty() || !connection.pin.empty() || !connection.authorities.empty()) {
      return fail(ErrorCode::kUsage, "--token-file, --pin and --ca are for HTTPS; add --server");
    }
    options.base_url = "http://localhost";
    options.unix_path = connection.socket;
    where = "administration socket " + connection.socket;
  } else {
    if (connection.token_file.empty()) return fail(ErrorCode::kUsage, "--server needs a token; add --token-file");
    IMAKEEP_TRY(const auto& token, read_token(connection.token_file));
    options.base_url = connection.server;
    options.authorities = connection.authorities;
    options.pin = connection.pin;
    options.headers.push_back("Authorization: Bearer " + token);
    where = connection.server;
  }
  IMAKEEP_TRY(auto client, http::Client::make(std::move(options)));
  return std::unique_ptr<AdminClient>(new AdminClient(std::move(client), std::move(where), connection.tenant));
}

Result<std::string> AdminClient::ask(const std::string& method, const std::string& path, const Query& query,
                                     const std::string& body) {
  Query whole = query;
  if (!tenant_.empty()) whole["tenant"] = tenant_;
  std::string target = path;
  for (const auto& [name, value] : whole) {
    target += (target == path ? "?" : "&") + url_part(name) + "=" + url_part(value);
  }
  auto answer = client_->send(method, target, body.empty() ? "" : "application/json",
                              body.empty() ? http::BodySource() : http::source_of(body));
  if (!answer) return unexpected(named(answer.error(), where_));
  if (!answer->good()) return unexpected(named(refusal_of(*answer), where_));
  return std::move(answer->body);
}

Result<std::string> AdminClient::list(const std::string& path, Query query, const std::string& rows,
                                      const std::string& next, const std::string& after) {
  nlohmann::json all = nlohmann::json::array();
  query["limit"] = "1000";
  for (;;) {
    IMAKEEP_TRY(const auto& text, ask("GET", path, query));
    IMAKEEP_TRY(const auto& page, jsontext::read_object(text, where_ + ": the answer"));
    IMAKEEP_TRY(const auto* const array, jsontext::Members(page, where_ + ": the answer").array(rows));
    all.insert(all.end(), array->begin(), array->end());
    const auto more = page.find(next);
    if (more == page.end()) return nlohmann::json{{rows, std::move(all)}}.dump();
    std::string from = more->is_string() ? more->get<std::string>() : more->dump();
    if (query[after] == from) {
      return fail(ErrorCode::kMalformed, where_ + ": the listing does not go on; is this a verifier?");
    }
    query[after] = std::move(from);
  }
}

}  // namespace imakeep::verifieradmin
