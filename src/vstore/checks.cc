// SPDX-License-Identifier: Apache-2.0
#include "vstore/checks.h"

#include <set>

#include "base/text.h"

namespace imakeep::vstore {
namespace {

tl::unexpected<Error> wrong(const char* what, const std::string& rule) {
  return fail(ErrorCode::kUsage, std::string(what) + " " + rule);
}

Result<void> check_size(const char* what, std::size_t bytes, std::size_t most) {
  if (bytes <= most) return {};
  return wrong(what, "has " + std::to_string(bytes) + " bytes; at most " + std::to_string(most) + " are stored");
}

// A text that may be empty.
Result<void> check_text(const char* what, const std::string& text, std::size_t most = kMostTextBytes) {
  IMAKEEP_CHECK(check_size(what, text.size(), most));
  if (printable(text) == text) return {};
  return wrong(what, "holds a byte that is not printable UTF-8: " + printable(text) + "; remove it");
}

// The next epoch must be a number too.
Result<void> check_epoch(const char* what, std::uint64_t epoch) {
  if (epoch < kMostNumber) return {};
  return wrong(what, "is " + std::to_string(epoch) + "; at most " + std::to_string(kMostNumber - 1) + " is stored");
}

Result<void> check_sighting(const Sighting& sighting) {
  IMAKEEP_CHECK(check_hash("the identity of a finding", sighting.identity));
  IMAKEEP_CHECK(check_number("the record of a finding", sighting.record));
  IMAKEEP_CHECK(check_size("the path of a finding", sighting.path.size(), kMostPathBytes));
  IMAKEEP_CHECK(check_size("the digest of a finding", sighting.digest.size(), kMostPathBytes));
  IMAKEEP_CHECK(check_text("the reason of a finding", sighting.reason));
  IMAKEEP_CHECK(check_size("the rule of a finding", sighting.rule.size(), kMostPathBytes));
  return check_size("the policy digest of a finding", sighting.policy.size(), kMostHashBytes);
}

Result<void> check_history(const HistoryRow& row) {
  IMAKEEP_CHECK(check_time("the time of a history row", row.at_unix_s));
  IMAKEEP_CHECK(check_text("the outcome of a history row", row.outcome, kMostNameBytes));
  for (const std::uint64_t number : {row.chain, row.first, row.proven, row.findings}) {
    IMAKEEP_CHECK(check_number("a number of a history row", number));
  }
  return check_size("the quote digest of a history row", row.quote_digest.size(), kMostHashBytes);
}

Result<void> check_secret(ByteView hash, std::int64_t until_unix_s, HostStatus status) {
  IMAKEEP_CHECK(check_size("the hash of the enrolment secret", hash.size(), kMostHashBytes));
  IMAKEEP_CHECK(check_time("the expiry of the enrolment secret", until_unix_s));
  if (status == HostStatus::kPending || hash.empty()) return {};
  return fail(ErrorCode::kUsage, "only a pending host has an enrolment secret; leave it empty");
}

}  // namespace

Result<void> check_name(const char* what, const std::string& name) {
  if (name.empty()) return wrong(what, "is empty");
  return check_text(what, name, kMostNameBytes);
}

Result<void> check_hash(const char* what, ByteView hash) {
  if (hash.empty()) return wrong(what, "is empty");
  return check_size(what, hash.size(), kMostHashBytes);
}

Result<void> check_number(const char* what, std::uint64_t number) {
  if (number <= kMostNumber) return {};
  return wrong(what, "is " + std::to_string(number) + "; at most " + std::to_string(kMostNumber) + " is stored");
}

Result<void> check_time(const char* what, std::int64_t unix_s) {
  if (unix_s >= 0) return {};
  return wrong(what, "is before 1970; set the clock");
}

Result<void> check(const TenantRow& row) {
  IMAKEEP_CHECK(check_name("the tenant's name", row.tenant));
  return check_time("the time at which the tenant was made", row.created_unix_s);
}

Result<void> check(const HostKey& key) {
  IMAKEEP_CHECK(check_name("the tenant's name", key.tenant));
  return check_name("the host's id", key.host);
}

Result<void> check(const HostRow& row) {
  IMAKEEP_CHECK(check(row.key));
  IMAKEEP_CHECK(check_text("the host's name", row.name, kMostNameBytes));
  IMAKEEP_CHECK(check_size("the AK's public area", row.ak_public.size(), kMostKeyBytes));
  IMAKEEP_CHECK(check_size("the AK's name", row.ak_name.size(), kMostHashBytes + 2));
  IMAKEEP_CHECK(check_size("the EK's hash", row.ek_hash.size(), kMostHashBytes));
  IMAKEEP_CHECK(check_text("the check of the EK", row.ek_check));
  IMAKEEP_CHECK(check_secret(row.secret_hash, row.secret_until_unix_s, row.status));
  IMAKEEP_CHECK(check_text("the policy list's name", row.policy_list, kMostNameBytes));
  IMAKEEP_CHECK(check_time("the time at which the host was made", row.created_unix_s));
  IMAKEEP_CHECK(check_time("the time at which the host was seen", row.seen_unix_s));
  IMAKEEP_CHECK(check_epoch("the host's epoch", row.epoch));
  IMAKEEP_CHECK(check_number("the host's N", row.proven));
  IMAKEEP_CHECK(check_size("the host's state", row.state.size(), kMostStateBytes));
  if (row.provisional) return fail(ErrorCode::kUsage, "a new host has no provisional state; put it afterwards");
  if (!row.answer) return {};
  IMAKEEP_CHECK(check_size("the hash of the nonce", row.answer->nonce_hash.size(), kMostHashBytes));
  return check_size("the last answer", row.answer->bytes.size(), kMostAnswerBytes);
}

Result<void> check(const ReplacementAk& ak) {
  IMAKEEP_CHECK(check_size("the AK's public area", ak.ak_public.size(), kMostKeyBytes));
  IMAKEEP_CHECK(check_size("the AK's name", ak.ak_name.size(), kMostHashBytes + 2));
  return check_secret(ak.secret_hash, ak.secret_until_unix_s, ak.status);
}

Result<void> check(const Move& move) {
  IMAKEEP_CHECK(check(move.key));
  IMAKEEP_CHECK(check_epoch("the move's epoch", move.epoch));
  IMAKEEP_CHECK(check_number("the move's N", move.proven));
  IMAKEEP_CHECK(check_number("the version of the move's policy list", move.policy_list_version));
  IMAKEEP_CHECK(check_size("the host's state", move.state.size(), kMostStateBytes));
  IMAKEEP_CHECK(check_time("the time of the move", move.seen_unix_s));
  IMAKEEP_CHECK(check_hash("the hash of the nonce", move.answer.nonce_hash));
  IMAKEEP_CHECK(check_size("the answer", move.answer.bytes.size(), kMostAnswerBytes));
  IMAKEEP_CHECK(check_text("the policy list's name", move.policy_list, kMostNameBytes));
  IMAKEEP_CHECK(check_history(move.history));
  std::set<Bytes> identities;
  for (const Sighting& sighting : move.sightings) {
    IMAKEEP_CHECK(check_sighting(sighting));
    if (identities.insert(sighting.identity).second) continue;
    return fail(ErrorCode::kUsage, "a move reports the finding " + to_hex(sighting.identity) + " twice; merge them");
  }
  for (const Bytes& identity : move.fixed) {
    IMAKEEP_CHECK(check_hash("the identity of a fixed finding", identity));
    if (identities.insert(identity).second) continue;
    return fail(ErrorCode::kUsage, "a move names the finding " + to_hex(identity) + " twice; name it once");
  }
  for (const RetainedRecord& record : move.records) {
    IMAKEEP_CHECK(check_number("the chain of a record", record.chain));
    IMAKEEP_CHECK(check_number("the number of a record", record.number));
    IMAKEEP_CHECK(check_size("a record", record.bytes.size(), kMostRecordBytes));
  }
  for (const Event& event : move.events) {
    IMAKEEP_CHECK(check_name("the kind of an event", event.kind));
    IMAKEEP_CHECK(check_size("the body of an event", event.body.size(), kMostEventBytes));
  }
  return {};
}

Result<void> check(const Provisional& provisional) {
  IMAKEEP_CHECK(check_time("the expiry of a provisional state", provisional.until_unix_s));
  return check_size("a provisional state", provisional.bytes.size(), kMostProvisionalBytes);
}

Result<void> check(const Acknowledgement& by) {
  IMAKEEP_CHECK(check_name("the name of the person who acknowledges", by.who));
  IMAKEEP_CHECK(check_time("the time of an acknowledgement", by.at_unix_s));
  return check_text("the reason of an acknowledgement", by.why);
}

Result<void> check(const KeyRow& row) {
  IMAKEEP_CHECK(check_size("a key", row.bytes.size(), kMostKeyBytes));
  IMAKEEP_CHECK(check_time("the time at which a key was made", row.created_unix_s));
  return check_time("the time at which a key retires", row.retires_unix_s.value_or(0));
}

Result<void> check(const TokenRow& row) {
  IMAKEEP_CHECK(check_hash("the token's hash", row.hash));
  IMAKEEP_CHECK(check_name("the tenant's name", row.tenant));
  IMAKEEP_CHECK(check_text("the token's name", row.name, kMostNameBytes));
  IMAKEEP_CHECK(check_time("the token's expiry", row.until_unix_s.value_or(0)));
  return check_number("the count of the token's uses", row.uses_left.value_or(0));
}

Result<void> check_policy(ByteView digest, ByteView text) {
  if (digest.size() != 32) return fail(ErrorCode::kUsage, "a policy's digest has 32 bytes: SHA-256 of its text");
  return check_size("the policy's text", text.size(), kMostPolicyBytes);
}

Result<void> check_policies(std::span<const Bytes> digests) {
  if (digests.size() > kMostPoliciesOfList) {
    return fail(ErrorCode::kUsage, "a policy list has at most " + std::to_string(kMostPoliciesOfList) + " policies");
  }
  std::set<Bytes> seen;
  for (const Bytes& digest : digests) {
    IMAKEEP_CHECK(check_hash("a policy's digest", digest));
    if (seen.insert(digest).second) continue;
    return fail(ErrorCode::kUsage, "the policy list names the policy " + to_hex(digest) + " twice; name it once");
  }
  return {};
}

}  // namespace imakeep::vstore
