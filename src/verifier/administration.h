// SPDX-License-Identifier: Apache-2.0
// verifier/administration.h - what operators do with a verifier, over HTTP: tenants, hosts, policies, findings, tokens,
// keys, history. docs/reference/http-api.md has every route.
//
// Over the Unix socket everything is allowed: its mode decides who may connect. Over HTTPS a bearer token of the store
// is needed, and its role decides.
// Threads: safe from any thread.
#pragma once

#include <optional>

#include "verifier/service.h"

namespace imakeep::verifier {

// Empty: the path is not one of administration.
std::optional<http::Begun> administer(Service& service, const http::Head& head);

}  // namespace imakeep::verifier
