// SPDX-License-Identifier: Apache-2.0
#include "vstore/refusals.h"

#include <cerrno>

namespace imakeep::vstore {
namespace {

std::string host_text(const HostKey& key) {
  return "host " + key.host + " of tenant " + key.tenant;
}

std::string finding_text(const HostKey& key, ByteView identity) {
  return "finding " + to_hex(identity) + " of " + host_text(key);
}

std::string key_text(KeyKind kind, std::uint32_t id) {
  return (kind == KeyKind::kNonce ? "nonce key " : "result key ") + std::to_string(id);
}

}  // namespace

Refusal tenant_exists(const std::string& tenant) {
  return refuse(EEXIST, "tenant " + tenant + " exists already; choose another name");
}

Refusal no_tenant(const std::string& tenant) {
  return refuse(ENOENT, "there is no tenant " + tenant + "; add it first");
}

Refusal tenant_is_disabled(const std::string& tenant) {
  return refuse(EPERM, "tenant " + tenant + " is disabled; enable it first");
}

Refusal host_exists(const HostKey& key) {
  return refuse(EEXIST, host_text(key) + " exists already; remove it, or replace its attestation key");
}

Refusal no_host(const HostKey& key) {
  return refuse(ENOENT, "there is no " + host_text(key) + "; enrol it first");
}

Refusal other_status(const HostKey& key) {
  return refuse(EPERM, host_text(key) + " has another status by now; look at it again");
}

Refusal no_finding(const HostKey& key, ByteView identity) {
  return refuse(ENOENT, "there is no " + finding_text(key, identity) + "; list the findings again");
}

Refusal finding_is_fixed(const HostKey& key, ByteView identity) {
  return refuse(EPERM, finding_text(key, identity) + " is fixed; only an open one can be acknowledged");
}

Refusal no_policy(ByteView digest) {
  return refuse(ENOENT, "there is no policy " + to_hex(digest) + "; add it first");
}

Refusal policy_is_assigned(ByteView digest, const std::string& tenant, const std::string& list) {
  return refuse(EBUSY, "policy " + to_hex(digest) + " is in the list " + list + " of tenant " + tenant +
                           "; take it out of all lists first");
}

Refusal no_policy_list(const std::string& tenant, const std::string& list) {
  return refuse(ENOENT, "tenant " + tenant + " has no policy list " + list + "; set it first");
}

Refusal key_exists(KeyKind kind, std::uint32_t id) {
  return refuse(EEXIST, key_text(kind, id) + " exists already; choose another id");
}

Refusal no_key(KeyKind kind, std::uint32_t id) {
  return refuse(ENOENT, "there is no " + key_text(kind, id) + "; list the keys again");
}

Refusal token_exists() {
  return refuse(EEXIST, "a token with this hash exists already; make another one");
}

Refusal no_token(const std::string& tenant) {
  return refuse(ENOENT, "tenant " + tenant + " has no such token; list the tokens again");
}

}  // namespace imakeep::vstore
