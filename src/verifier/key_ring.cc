// SPDX-License-Identifier: Apache-2.0
#include "verifier/key_ring.h"

#include <algorithm>
#include <cerrno>

namespace imakeep::verifier {
namespace {

using vstore::KeyKind;
using vstore::KeyRow;

constexpr std::int64_t kReadAgainS = 60;

bool counts(const KeyRow& row, KeyKind kind, std::int64_t now_unix_s) {
  return row.kind == kind && (!row.retires_unix_s || *row.retires_unix_s > now_unix_s);
}

std::uint32_t next_id(const std::vector<KeyRow>& rows, KeyKind kind) {
  std::uint32_t id = 1;
  for (const KeyRow& row : rows) id = row.kind == kind ? std::max(id, row.id + 1) : id;
  return id;
}

}  // namespace

Result<KeyRow> KeyRing::make(KeyKind kind, std::uint32_t id, std::int64_t now_unix_s) {
  KeyRow row{.kind = kind, .id = id, .created_unix_s = now_unix_s};
  if (kind == KeyKind::kNonce) {
    row.bytes.resize(evidence::kLeastNonceKeyBytes);
    random_(row.bytes);
    return row;
  }
  IMAKEEP_TRY(const auto& key, ear::SigningKey::generate());
  const std::string pem = key.pem();
  row.bytes.assign(as_bytes(pem).begin(), as_bytes(pem).end());
  return row;
}

Result<void> KeyRing::begin(std::int64_t now_unix_s) {
  IMAKEEP_TRY(const auto& rows, store_.keys());
  for (const KeyKind kind : {KeyKind::kNonce, KeyKind::kResult}) {
    if (std::ranges::any_of(rows, [&](const KeyRow& row) { return counts(row, kind, now_unix_s); })) continue;
    IMAKEEP_TRY(const auto& row, make(kind, next_id(rows, kind), now_unix_s));
    // Another process that begins now has added the same id: its key is as good.
    if (const auto added = store_.add_key(row); !added && added.error().os_errno != EEXIST) {
      return unexpected(added.error());
    }
  }
  IMAKEEP_CHECK(keys(now_unix_s, true));
  return {};
}

Result<void> KeyRing::rotate(std::int64_t now_unix_s, std::int64_t overlap_s) {
  IMAKEEP_TRY(const auto& rows, store_.keys());
  for (const KeyKind kind : {KeyKind::kNonce, KeyKind::kResult}) {
    IMAKEEP_TRY(const auto& added, make(kind, next_id(rows, kind), now_unix_s));
    IMAKEEP_CHECK(store_.add_key(added));
    for (const KeyRow& row : rows) {
      if (!counts(row, kind, now_unix_s) || row.retires_unix_s) continue;
      IMAKEEP_CHECK(store_.retire_key(kind, row.id, now_unix_s + overlap_s));
    }
  }
  IMAKEEP_CHECK(keys(now_unix_s, true));
  return {};
}

Result<std::shared_ptr<const KeyRing::Keys>> KeyRing::keys(std::int64_t now_unix_s, bool again) {
  const std::lock_guard lock(mutex_);
  // A clock that was set back makes the keys neither young nor old: they are read again.
  const bool fresh = known_ && now_unix_s >= known_->read_unix_s && now_unix_s < known_->read_unix_s + kReadAgainS;
  if (fresh && !again) return known_;
  auto rows = store_.keys();
  if (!rows) {
    // The keys of a minute ago still do while the store is away, and nothing can be committed anyway.
    if (known_) return known_;
    return unexpected(rows.error());
  }
  std::ranges::sort(*rows, std::greater<>(), &KeyRow::id);
  auto keys = std::make_shared<Keys>();
  keys->read_unix_s = now_unix_s;
  for (const KeyRow& row : *rows) {
    if (counts(row, KeyKind::kNonce, now_unix_s)) keys->nonce.push_back({.id = row.id, .secret = row.bytes});
    if (!counts(row, KeyKind::kResult, now_unix_s)) continue;
    IMAKEEP_TRY(auto key, ear::SigningKey::parse_pem(row.bytes, "result key " + std::to_string(row.id)));
    keys->result.push_back(std::move(key));
  }
  if (keys->nonce.empty() || keys->result.empty()) {
    return fail(ErrorCode::kEnvironment, "the database has no key that counts; run imakeep-verifier keys rotate");
  }
  known_ = keys;
  return known_;
}

Result<evidence::NonceKey> KeyRing::nonce_key(std::int64_t now_unix_s) {
  IMAKEEP_TRY(const auto& known, keys(now_unix_s));
  return known->nonce.front();
}

Result<std::vector<evidence::NonceKey>> KeyRing::nonce_keys(std::uint32_t id, std::int64_t now_unix_s) {
  IMAKEEP_TRY(auto known, keys(now_unix_s));
  const auto has = [&](const Keys& of) {
    return std::ranges::find(of.nonce, id, &evidence::NonceKey::id) != of.nonce.end();
  };
  // Only ids that may be those of a newer key are worth a look into the store: anybody can send any id.
  if (!has(*known) && id == known->nonce.front().id + 1) {
    IMAKEEP_TRY(known, keys(now_unix_s, true));
  }
  return known->nonce;
}

Result<ear::SigningKey> KeyRing::result_key(std::int64_t now_unix_s) {
  IMAKEEP_TRY(const auto& known, keys(now_unix_s));
  return known->result.front();
}

Result<std::string> KeyRing::published(std::int64_t now_unix_s) {
  IMAKEEP_TRY(const auto& known, keys(now_unix_s));
  std::vector<ear::PublicKey> all;
  for (const ear::SigningKey& key : known->result) all.push_back(key.public_key());
  return ear::PublicKeys(std::move(all)).to_json();
}

}  // namespace imakeep::verifier
