// SPDX-License-Identifier: Apache-2.0
#include "evidence/enrolment.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "evidence/challenge.h"
#include "evidence/message.h"
#include "evidence/names.h"

namespace imakeep::evidence {
namespace {

using jsontext::Members;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kEnrolledText = "enrolled";
constexpr const char* kWaitingText = "waiting-for-approval";

ordered_json base64_array(const std::vector<Bytes>& certificates) {
  ordered_json array = ordered_json::array();
  for (const Bytes& each : certificates) array.push_back(to_base64(each));
  return array;
}

Result<std::vector<Bytes>> read_certificates(const Members& members, std::string_view name) {
  std::vector<Bytes> certificates;
  if (members.find(name) == nullptr) return certificates;
  IMAKEEP_TRY(const json* const array, members.array(name));
  if (array->empty() || array->size() > kMostCertificates) {
    return members.bad(name, "has not 1 to " + std::to_string(kMostCertificates) + " certificates");
  }
  for (const json& text : *array) {
    if (!text.is_string()) return members.bad(name, "has an element that is no text");
    auto der = from_base64(text.get_ref<const std::string&>());
    if (!der || der->empty() || der->size() > kMostCertificateBytes) {
      return members.bad(
          name, "has an element that is no base64 of 1 to " + std::to_string(kMostCertificateBytes) + " bytes");
    }
    certificates.push_back(std::move(*der));
  }
  return certificates;
}

Result<std::string> read_enrolment_id(const Members& members) {
  IMAKEEP_TRY(auto id, members.text("enrolment"));
  if (id.size() > kMostEnrolmentIdBytes || !check_host(id)) {
    return members.bad("enrolment", "is no name of an enrolment; send it as the verifier gave it");
  }
  return id;
}

Result<std::string> read_token(const Members& members) {
  IMAKEEP_TRY(auto token, members.optional_text("token"));
  if (!token) return std::string();
  const auto graphic = [](char c) { return c > ' ' && c < 0x7f; };
  if (token->empty() || token->size() > kMostEnrolmentTokenBytes ||
      !std::all_of(token->begin(), token->end(), graphic)) {
    return members.bad("token", "is no text of 1 to " + std::to_string(kMostEnrolmentTokenBytes) +
                                    " characters of ASCII without spaces");
  }
  return *std::move(token);
}

}  // namespace

Result<std::string> make_enrolment_request(const EnrolmentRequest& request) {
  ordered_json object = {{"version", kControlVersion}};
  if (!request.tenant.empty()) object["tenant"] = request.tenant;
  object["host"] = request.host;
  if (!request.ek_certificates.empty()) object["ek_certificates"] = base64_array(request.ek_certificates);
  if (!request.ek_public.empty()) object["ek_public"] = to_base64(request.ek_public);
  object["ak_public"] = to_base64(request.ak_public);
  if (!request.ak_certificates.empty()) object["ak_certificates"] = base64_array(request.ak_certificates);
  if (!request.token.empty()) object["token"] = request.token;
  if (request.retain) object["retain"] = true;
  return checked_message(text_of(object), read_enrolment_request);
}

Result<EnrolmentRequest> read_enrolment_request(std::string_view text) {
  IMAKEEP_TRY(const json object, read_message(text, "enrolment request", kMostEnrolmentBytes));
  const Members members(object, "enrolment request");
  EnrolmentRequest request;
  IMAKEEP_TRY(auto name, read_host_name(members));
  request.tenant = std::move(name.tenant);
  request.host = std::move(name.host);
  IMAKEEP_TRY(request.ek_certificates, read_certificates(members, "ek_certificates"));
  if (members.find("ek_public") != nullptr) {
    IMAKEEP_TRY(request.ek_public, read_base64(members, "ek_public", 1, kMostPublicBytes));
  }
  IMAKEEP_TRY(request.ak_public, read_base64(members, "ak_public", 1, kMostPublicBytes));
  IMAKEEP_TRY(request.ak_certificates, read_certificates(members, "ak_certificates"));
  IMAKEEP_TRY(request.token, read_token(members));
  IMAKEEP_TRY(request.retain, read_flag(members, "retain"));
  if (request.ek_certificates.empty() && request.ek_public.empty() && request.ak_certificates.empty()) {
    return fail(ErrorCode::kMalformed,
                "enrolment request: nothing tells the TPM; send ek_certificates, ek_public or ak_certificates");
  }
  return request;
}

Result<std::string> make_enrolment_credential(const EnrolmentCredential& credential) {
  return checked_message(text_of({{"version", kControlVersion},
                                  {"enrolment", credential.enrolment},
                                  {"credential", to_base64(credential.credential)}}),
                         read_enrolment_credential);
}

Result<EnrolmentCredential> read_enrolment_credential(std::string_view text) {
  IMAKEEP_TRY(const json object, read_message(text, "enrolment credential", kMostEnrolmentBytes));
  const Members members(object, "enrolment credential");
  EnrolmentCredential credential;
  IMAKEEP_TRY(credential.enrolment, read_enrolment_id(members));
  IMAKEEP_TRY(credential.credential, read_base64(members, "credential", 1, kMostCredentialBytes));
  return credential;
}

Result<std::string> make_enrolment_proof(const EnrolmentProof& proof) {
  return checked_message(
      text_of({{"version", kControlVersion}, {"enrolment", proof.enrolment}, {"secret", to_base64(proof.secret)}}),
      read_enrolment_proof);
}

Result<EnrolmentProof> read_enrolment_proof(std::string_view text) {
  IMAKEEP_TRY(const json object, read_message(text, "enrolment proof", kMostEnrolmentBytes));
  const Members members(object, "enrolment proof");
  EnrolmentProof proof;
  IMAKEEP_TRY(proof.enrolment, read_enrolment_id(members));
  IMAKEEP_TRY(proof.secret, read_base64(members, "secret", 1, kMostSecretBytes));
  return proof;
}

Result<std::string> make_enrolment_result(EnrolmentStatus status) {
  const char* const name = status == EnrolmentStatus::kEnrolled ? kEnrolledText : kWaitingText;
  return text_of({{"version", kControlVersion}, {"status", name}});
}

Result<EnrolmentStatus> read_enrolment_result(std::string_view text) {
  IMAKEEP_TRY(const json object, read_message(text, "enrolment result", kMostEnrolmentBytes));
  const Members members(object, "enrolment result");
  IMAKEEP_TRY(const std::string status, members.text("status"));
  if (status == kEnrolledText) return EnrolmentStatus::kEnrolled;
  if (status == kWaitingText) return EnrolmentStatus::kWaitingForApproval;
  return fail(ErrorCode::kUnsupported,
              "enrolment result: unknown status \"" + printable(std::string_view(status).substr(0, 40)) + "\"");
}

}  // namespace imakeep::evidence
