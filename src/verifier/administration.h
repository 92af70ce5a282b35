// SPDX-License-Identifier: Apache-2.0
// verifier/administration.h - what operators do with a verifier, over HTTP: tenants, hosts, policies, findings, tokens,
// keys, history. docs/reference/http-api.md has every route.
//
// Over the Unix socket everything is allowed: its mode decides who may connect. Over HTTPS a request needs a bearer
// token of the store. The token's role decides what is allowed, and the token's tenant is the only one that the caller
// sees. Both are decided by the head of a request, before its body is read.
// Threads: safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "verifier/service.h"

namespace imakeep::verifier {

// Whom a route is for. Everybody with a socket may use all of them.
enum class Access : std::uint8_t {
  kRead,         // admin, viewer, auditor
  kAcknowledge,  // admin, auditor
  kChange,       // admin
  kSocket,       // nobody over HTTPS
};

struct AdminRoute {
  std::string_view method;  // "POST"
  std::string_view path;    // "/v1/admin/hosts/{host}/approve"
  Access access = Access::kSocket;
};
// Every route of administration.
std::span<const AdminRoute> admin_routes();

// A policy's text as an administrator sends it; an envelope makes it longer than policy::Limits::most_bytes.
inline constexpr std::size_t kMostPolicyBodyBytes = 200'000'000;
inline constexpr std::size_t kMostAdminBodyBytes = 64u << 10;
// Rows of one answer.
inline constexpr std::size_t kMostRowsOfAnswer = 1000;

// Empty: the path is not one of administration.
std::optional<http::Begun> administer(Service& service, const http::Head& head);

}  // namespace imakeep::verifier
