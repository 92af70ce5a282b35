// SPDX-License-Identifier: Apache-2.0
// verifieradmin/admin_client.h - asks a verifier for its administration: docs/reference/http-api.md.
//
// Through the Unix socket of the same machine, or over HTTPS with a token. Threads: one thread uses an object.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/client.h"

namespace imakeep::verifieradmin {

struct Connection {
  std::string socket = {};      // used if `server` is empty
  std::string server = {};      // "https://verifier.example:8890"
  std::string token_file = {};  // required with `server`: the token on one line
  std::string pin = {};         // of the server's key; else `authorities`, else the system's
  std::string authorities = {};
  std::string tenant = {};  // empty: the verifier's default tenant, or the token's
};

using Query = std::map<std::string, std::string>;

class AdminClient {
 public:
  // Errors: kUsage for options that do not go together or a token that is none; those of read_file() and
  // http::Client::make().
  static Result<std::unique_ptr<AdminClient>> make(const Connection& connection);

  // The body of a good answer. `body` may be empty. Errors, with what the verifier says:
  //   kUsage        the verifier refuses the request itself
  //   kMismatch     there is no such thing, or it is in another state
  //   kEnvironment  no connection, no permission, or the verifier cannot answer now
  //   kMalformed    an answer that is none of a verifier
  Result<std::string> ask(const std::string& method, const std::string& path, const Query& query = {},
                          const std::string& body = {});
  // All pages of a listing as one. `rows` names the array, `next` the member of a page after which the next one begins,
  // and `after` the parameter for it.
  Result<std::string> list(const std::string& path, Query query, const std::string& rows,
                           const std::string& next = "next", const std::string& after = "after");

 private:
  AdminClient(std::unique_ptr<http::Client> client, std::string where, std::string tenant)
      : client_(std::move(client)), where_(std::move(where)), tenant_(std::move(tenant)) {}

  const std::unique_ptr<http::Client> client_;
  const std::string where_;
  const std::string tenant_;
};

// The text as a part of a URL's path or query (RFC 3986, section 2.1).
std::string url_part(std::string_view text);

}  // namespace imakeep::verifieradmin
