// SPDX-License-Identifier: Apache-2.0
#include "signature/certificate_text.h"

#include <array>

#include "base/openssl_objects.h"

namespace imakeep::signature {

using openssl::Bio;
namespace {

std::string cut(std::string text) {
  if (text.size() <= kMaxNameBytes) return text;
  text.resize(kMaxNameBytes);
  return text + "...";
}

}  // namespace

std::string name_text(const X509_name_st* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return "";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return cut(std::string(text, static_cast<std::size_t>(size)));
}

std::string serial_text(const asn1_string_st* serial) {
  const ByteView bytes(reinterpret_cast<const std::byte*>(ASN1_STRING_get0_data(serial)),
                       static_cast<std::size_t>(ASN1_STRING_length(serial)));
  const std::string sign = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "";
  return cut(bytes.empty() ? "00" : sign + to_hex(bytes));
}

std::string oid_text(const asn1_object_st* oid) {
  std::array<char, 128> text{};
  if (oid == nullptr || OBJ_obj2txt(text.data(), static_cast<int>(text.size()), oid, 1) <= 0) return "";
  return text.data();
}

std::string algorithm_oid(const X509_pubkey_st* encoding) {
  ASN1_OBJECT* algorithm = nullptr;
  if (X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, nullptr, encoding) != 1) return "";
  return oid_text(algorithm);
}

std::string_view ml_dsa_name(std::string_view oid) {
  if (oid == "2.16.840.1.101.3.4.3.17") return "ML-DSA-44";
  if (oid == "2.16.840.1.101.3.4.3.18") return "ML-DSA-65";
  if (oid == "2.16.840.1.101.3.4.3.19") return "ML-DSA-87";
  return "";
}

}  // namespace imakeep::signature
