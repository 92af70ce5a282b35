// SPDX-License-Identifier: Apache-2.0
#include "appraisal/learned_keys.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "signature/keyrings.h"
#include "signature/measured_key.h"

namespace imakeep::appraisal {
namespace {

constexpr std::string_view kMagic = "imklkey1";

Result<void> take_key(ByteReader& reader, LearnedKeys& into) {
  IMAKEEP_TRY(const std::uint64_t record, reader.number<std::uint64_t>());
  IMAKEEP_TRY(const std::uint16_t name_bytes, reader.number<std::uint16_t>());
  IMAKEEP_TRY(const ByteView name, reader.take(name_bytes));
  IMAKEEP_TRY(const ByteView buffer, reader.counted());
  const auto key = signature::key_in_buffer(buffer);
  const auto learned = key ? into.learn(record, as_text(name), buffer, *key) : Result<bool>(false);
  if (!learned || !*learned) {
    return fail(ErrorCode::kMalformed,
                "the saved keys hold something that is no key, or one twice; take another copy, or begin without");
  }
  return {};
}

}  // namespace

Result<bool> LearnedKeys::learn(std::uint64_t record, std::string_view keyring, ByteView buffer,
                                const signature::Key& key) {
  const bool known = std::ranges::any_of(keys_, [&](const LearnedKey& other) {
    return other.keyring == keyring && other.key.fingerprint() == key.fingerprint() && other.key.id() == key.id();
  });
  if (known) return false;
  if (keyring.empty() || keyring.size() > signature::kMaxKeyringNameBytes) {
    return fail(ErrorCode::kUsage, "no keyring has a name of " + std::to_string(keyring.size()) + " bytes");
  }
  if (keys_.size() == kMaxLearnedKeys || bytes_ + buffer.size() > kMaxLearnedBytes) {
    return fail(ErrorCode::kUsage, "the log added more keys than " + std::to_string(kMaxLearnedKeys) +
                                       ", or more than " + std::to_string(kMaxLearnedBytes) + " bytes of them");
  }
  bytes_ += buffer.size();
  keys_.push_back(
      {.record = record, .keyring = std::string(keyring), .buffer = Bytes(buffer.begin(), buffer.end()), .key = key});
  return true;
}

Bytes LearnedKeys::save() const {
  Bytes saved;
  append_bytes(saved, as_bytes(kMagic));
  append_int(saved, static_cast<std::uint32_t>(keys_.size()), ByteOrder::kLittle);
  for (const LearnedKey& key : keys_) {
    append_int(saved, key.record, ByteOrder::kLittle);
    append_int(saved, static_cast<std::uint16_t>(key.keyring.size()), ByteOrder::kLittle);
    append_bytes(saved, as_bytes(key.keyring));
    append_int(saved, static_cast<std::uint32_t>(key.buffer.size()), ByteOrder::kLittle);
    append_bytes(saved, key.buffer);
  }
  return saved;
}

Result<LearnedKeys> LearnedKeys::load(ByteView saved) {
  ByteReader reader(saved, "the saved state of learned keys");
  IMAKEEP_TRY(const ByteView magic, reader.take(kMagic.size()));
  if (as_text(magic) != kMagic) return fail(ErrorCode::kMalformed, "these bytes are no saved keys");
  IMAKEEP_TRY(const std::uint32_t count, reader.number<std::uint32_t>());
  LearnedKeys keys;
  for (std::uint32_t i = 0; i < count; ++i) IMAKEEP_CHECK(take_key(reader, keys));
  if (!reader.at_end()) return fail(ErrorCode::kMalformed, "bytes follow the saved keys");
  return keys;
}

}  // namespace imakeep::appraisal
