// SPDX-License-Identifier: Apache-2.0
#include "verifier/enrolment.h"

#include <cerrno>
#include <charconv>

#include <openssl/crypto.h>

#include "base/base64.h"
#include "enrol/ak_check.h"
#include "enrol/make_credential.h"

namespace imakeep::verifier {
namespace {

using vstore::HostStatus;

constexpr std::size_t kSecretBytes = 32;

Bytes hash_of(ByteView bytes) {
  const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, bytes);
  return Bytes(digest.view().begin(), digest.view().end());
}

// The EK, and how it was checked.
struct CheckedEk {
  enrol::EndorsementKey key;
  Bytes hash;
  std::string how;
};

Judged<std::vector<enrol::Certificate>> parsed(const std::vector<Bytes>& certificates) {
  std::vector<enrol::Certificate> all;
  for (const Bytes& bytes : certificates) {
    auto one = enrol::Certificate::parse(bytes);
    if (!one) return refuse(Reason::kEnrolmentTpm, one.error().message);
    all.push_back(std::move(*one));
  }
  return all;
}

Refusal tpm_refusal(const Error& error) {
  return {.reason = Reason::kEnrolmentTpm, .detail = error.message};
}

// The EK of a certificate that leads to a trusted root.
Judged<CheckedEk> certified_ek(const Trust& trust, const evidence::EnrolmentRequest& request,
                               std::optional<std::int64_t> at_unix_s) {
  const auto certificates = parsed(request.ek_certificates);
  if (!certificates) return unexpected(certificates.error());
  const enrol::Certificate& own = certificates->front();
  const auto others = std::span(*certificates).subspan(1);
  if (const auto good = trust.certificates.verify(own, enrol::CertifiedKey::kEndorsement, others, at_unix_s); !good) {
    return unexpected(tpm_refusal(good.error()));
  }
  if (!request.ek_public.empty()) {
    if (const auto same = enrol::check_certified(own, request.ek_public); !same)
      return unexpected(tpm_refusal(same.error()));
    auto key = enrol::EndorsementKey::from_public(request.ek_public);
    if (!key) return unexpected(tpm_refusal(key.error()));
    return CheckedEk{.key = std::move(*key), .hash = hash_of(request.ek_public), .how = "certificate"};
  }
  auto key = own.endorsement_key();
  if (!key) return unexpected(tpm_refusal(key.error()));
  return CheckedEk{.key = std::move(*key), .hash = hash_of(request.ek_certificates.front()), .how = "certificate"};
}

Judged<CheckedEk> checked_ek(const Trust& trust, const evidence::EnrolmentRequest& request, std::int64_t now_unix_s) {
  const std::optional<std::int64_t> at = trust.check_dates ? std::optional(now_unix_s) : std::nullopt;
  if (!request.ek_certificates.empty() && trust.certificates.roots() > 0) {
    auto certified = certified_ek(trust, request, at);
    if (certified || request.ek_public.empty()) return certified;
    // The same TPM may be pinned.
    if (!trust.any_tpm && !trust.pins.check(request.ek_public)) return certified;
  }
  if (request.ek_public.empty()) {
    return refuse(Reason::kEnrolmentTpm,
                  "the request has no endorsement key that the verifier can check; add its public "
                  "area, or add the maker's root to the verifier's trust");
  }
  auto key = enrol::EndorsementKey::from_public(request.ek_public);
  if (!key) return unexpected(tpm_refusal(key.error()));
  CheckedEk checked{.key = std::move(*key), .hash = hash_of(request.ek_public), .how = "pinned"};
  const auto pinned = trust.pins.check(request.ek_public);
  if (pinned) return checked;
  if (!trust.any_tpm) return unexpected(tpm_refusal(pinned.error()));
  checked.how = "unchecked";
  return checked;
}

// What the store answers about the token of a request: looked at, or taken.
Judged<void> check_token(const Result<std::optional<vstore::TokenRow>>& row, const std::string& tenant) {
  if (!row) return unexpected(store_refusal(row.error()));
  if (!*row || (*row)->role != vstore::Role::kEnrol || (*row)->tenant != tenant) {
    return refuse(Reason::kEnrolmentToken,
                  "the enrolment token is not valid here, over or used up; ask for another one");
  }
  return {};
}

// Whether the name is already there, as that of an enrolment that the same TPM began. Refuses all other known names.
Judged<bool> begun_before(const Judge& judge, const vstore::HostRow& row, std::int64_t now_unix_s) {
  const auto known = judge.store.host(row.key, now_unix_s);
  if (!known) return unexpected(store_refusal(known.error()));
  if (!*known) return false;
  if ((*known)->status != HostStatus::kPending) {
    return refuse(Reason::kEnrolmentKnown,
                  "a host with this name is enrolled; remove it first, or choose another name");
  }
  if ((*known)->ek_hash != row.ek_hash) {
    return refuse(Reason::kEnrolmentKnown, "another TPM began to enrol with this name; remove that host first");
  }
  if ((*known)->retains != row.retains) {
    return refuse(Reason::kEnrolmentKnown, std::string("an enrolment with this name began ") +
                                               ((*known)->retains ? "with" : "without") +
                                               " retained records; enrol the host as before, or remove it first");
  }
  return true;
}

Result<void> put(const Judge& judge, const vstore::HostRow& row, bool begun_before) {
  if (!begun_before) return judge.store.add_host(row);
  // Nothing was proven with the earlier keys.
  return judge.store.replace_ak(row.key, {.ak_public = row.ak_public,
                                          .ak_name = row.ak_name,
                                          .status = HostStatus::kPending,
                                          .secret_hash = row.secret_hash,
                                          .secret_until_unix_s = row.secret_until_unix_s});
}

// Uses the token up and keeps the host. A token is not used up by a host that is not kept, unless the process ends
// or the database goes in between.
Judged<void> keep(const Judge& judge, const vstore::HostRow& row, bool begun_before, const std::optional<Bytes>& token,
                  std::int64_t now_unix_s) {
  if (token) {
    const auto taken = judge.store.take_token(*token, now_unix_s);
    if (auto good = check_token(taken, row.key.tenant); !good) return good;
  }
  const auto kept = put(judge, row, begun_before);
  // After kIo the host may be there, and then the use counts.
  if (!kept && token && kept.error().code != ErrorCode::kIo) static_cast<void>(judge.store.return_token(*token));
  if (kept) return {};
  if (kept.error().os_errno == EEXIST) return refuse(Reason::kEnrolmentKnown, "a host with this name was just added");
  if (kept.error().os_errno == ENOENT) return refuse(Reason::kUnknownHost, "no tenant has this name");
  if (kept.error().os_errno == EPERM) return refuse(Reason::kDisabled, "an administrator has disabled the tenant");
  return unexpected(store_refusal(kept.error()));
}

// "7:defaultweb-1": the length of the tenant's name, then both names.
std::string enrolment_id(const vstore::HostKey& key) {
  return std::to_string(key.tenant.size()) + ":" + key.tenant + key.host;
}

std::optional<vstore::HostKey> host_of(std::string_view enrolment) {
  std::size_t bytes = 0;
  const char* const end = enrolment.data() + enrolment.size();
  const auto parsed = std::from_chars(enrolment.data(), end, bytes);
  if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != ':') return std::nullopt;
  const std::string_view names(parsed.ptr + 1, end);
  if (bytes > names.size()) return std::nullopt;
  return vstore::HostKey{.tenant = std::string(names.substr(0, bytes)), .host = std::string(names.substr(bytes))};
}

}  // namespace

Bytes token_hash(std::string_view token) {
  return hash_of(as_bytes(token));
}

Judged<evidence::EnrolmentCredential> begin_enrolment(const Judge& judge, const Trust& trust,
                                                      const evidence::EnrolmentRequest& request,
                                                      std::int64_t now_unix_s) {
  const vstore::HostKey key{.tenant = request.tenant.empty() ? judge.settings.default_tenant : request.tenant,
                            .host = request.host};
  const auto ak = enrol::check_ak(request.ak_public);
  if (!ak) return refuse(Reason::kEnrolmentKey, ak.error().message);
  const auto ek = checked_ek(trust, request, now_unix_s);
  if (!ek) return unexpected(ek.error());
  std::optional<Bytes> token;
  if (trust.token_required) {
    if (request.token.empty()) {
      return refuse(Reason::kEnrolmentToken, "an enrolment token is needed; ask the administrator for one");
    }
    token = token_hash(request.token);
    if (auto good = check_token(judge.store.token(*token, now_unix_s), key.tenant); !good) {
      return unexpected(good.error());
    }
  }
  Bytes secret(kSecretBytes);
  judge.random(secret);
  Bytes seed(ek->key.seed_bytes());
  judge.random(seed);
  const auto credential = enrol::make_credential(ek->key, ak->name, secret, seed);
  if (!credential) return refuse(Reason::kEnrolmentTpm, credential.error().message);
  const vstore::HostRow row{
      .key = key,
      .name = request.host,
      .status = HostStatus::kPending,
      .ak_public = request.ak_public,
      .ak_name = ak->name,
      .ek_hash = ek->hash,
      .ek_check = ek->how,
      .secret_hash = hash_of(secret),
      .secret_until_unix_s = now_unix_s + static_cast<std::int64_t>(judge.settings.enrolment_lifetime_s),
      .policy_list = judge.settings.default_policies,
      .retains = request.retain,
      .created_unix_s = now_unix_s,
      // A host of this name that was removed had fewer: no nonce of it fits.
      .epoch = static_cast<std::uint64_t>(now_unix_s) << 16};
  const auto begun = begun_before(judge, row, now_unix_s);
  if (!begun) return unexpected(begun.error());
  if (auto kept = keep(judge, row, *begun, token, now_unix_s); !kept) return unexpected(kept.error());
  return evidence::EnrolmentCredential{.enrolment = enrolment_id(key),
                                       .credential = enrol::credential_file(*credential)};
}

Judged<evidence::EnrolmentStatus> complete_enrolment(const Judge& judge, const Trust& trust,
                                                     const evidence::EnrolmentProof& proof, std::int64_t now_unix_s) {
  const auto wrong = [] {
    return refuse(Reason::kEnrolmentSecret, "the secret is wrong or its time is over; enrol again from the beginning");
  };
  const auto key = host_of(proof.enrolment);
  if (!key) return wrong();
  const auto row = judge.store.host(*key, now_unix_s);
  if (!row) return unexpected(store_refusal(row.error()));
  if (!*row || (*row)->status != HostStatus::kPending || (*row)->secret_until_unix_s <= now_unix_s) return wrong();
  const Bytes hash = hash_of(proof.secret);
  const Bytes& expected = (*row)->secret_hash;
  if (expected.size() != hash.size() || CRYPTO_memcmp(hash.data(), expected.data(), hash.size()) != 0) return wrong();
  const HostStatus status = trust.approval_required ? HostStatus::kWaiting : HostStatus::kEnrolled;
  if (const auto set = judge.store.set_status(*key, status, HostStatus::kPending); !set) {
    if (set.error().code == ErrorCode::kRefused) return wrong();
    return unexpected(store_refusal(set.error()));
  }
  return trust.approval_required ? evidence::EnrolmentStatus::kWaitingForApproval
                                 : evidence::EnrolmentStatus::kEnrolled;
}

}  // namespace imakeep::verifier
