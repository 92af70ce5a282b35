// SPDX-License-Identifier: Apache-2.0
#include "signature/measured_key.h"

#include <algorithm>

#include <openssl/pem.h>

#include "base/openssl_objects.h"
#include "signature/key_file.h"

namespace imakeep::signature {

using openssl::Bio;
using openssl::data_of;
using openssl::der_bytes;
using openssl::ErrorQueueCleared;
using openssl::Owned;
namespace {

// True if the buffer is one DER structure, a SEQUENCE, without anything after it.
bool is_one_sequence(ByteView buffer) {
  const unsigned char* at = data_of(buffer);
  long length = 0;
  int tag = 0;
  int tag_class = 0;
  const int form = ASN1_get_object(&at, &length, &tag, &tag_class, static_cast<long>(buffer.size()));
  if ((form & 0x80) != 0 || form == 0x21 || tag != V_ASN1_SEQUENCE) return false;  // not DER, or of no stated length
  return static_cast<std::size_t>(at - data_of(buffer)) + static_cast<std::size_t>(length) == buffer.size();
}

int no_passphrase(char*, int, int, void*) {
  return -1;
}

// The public part of a private key, as a key without a certificate.
std::optional<Key> public_part(ByteView buffer) {
  using PrivateKey = Owned<EVP_PKEY, EVP_PKEY_free>;
  PrivateKey key;
  if (is_pem(buffer)) {
    const Bio bio(BIO_new_mem_buf(buffer.data(), static_cast<int>(buffer.size())));
    key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  } else {
    const unsigned char* at = data_of(buffer);
    key.reset(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(buffer.size())));
  }
  if (!key) return std::nullopt;
  const auto keys = Key::parse(der_bytes(i2d_PUBKEY, key.get()));
  return keys ? std::optional(keys->front()) : std::nullopt;
}

}  // namespace

std::optional<Key> key_in_buffer(ByteView buffer) {
  if (buffer.empty() || buffer.size() > kMaxMeasuredKeyBytes) return std::nullopt;
  const ErrorQueueCleared cleared;
  if (!is_pem(buffer) && !is_one_sequence(buffer)) return std::nullopt;
  const auto keys = Key::parse(buffer);
  if (!keys) return public_part(buffer);
  const auto certified = std::ranges::find_if(*keys, [](const Key& key) { return key.certificate().has_value(); });
  return certified == keys->end() ? keys->front() : *certified;
}

}  // namespace imakeep::signature
