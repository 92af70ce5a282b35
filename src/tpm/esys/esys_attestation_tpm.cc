// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/esys_attestation_tpm.h"

#include <tss2/tss2_mu.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tpm/esys/key_templates.h"
#include "tpm/esys/tpm_error.h"

namespace imakeep::tpm {
namespace {

constexpr TPM2_HANDLE kStorageKey = 0x81000001;
constexpr TPM2_HANDLE kRsaEkCertificate = 0x01c00002;
constexpr TPM2_HANDLE kEccEkCertificate = 0x01c0000a;
// Every TPM 2.0 reads this much of an NV index at once.
constexpr UINT16 kNvPieceBytes = 512;

// ---- errors ---------------------------------------------------------------------------------------------------------

// A response code without the number of the handle, parameter or session that it is about. Source: TPM 2.0 Library,
// part 2, section 6.6.3.
TSS2_RC kind_of(TSS2_RC rc) {
  constexpr TSS2_RC kNumberedKind = TPM2_RC_FMT1 | 0x3f;
  const TSS2_RC code = rc & 0xffff;
  return (code & TPM2_RC_FMT1) != 0 ? code & kNumberedKind : code;
}

struct Doing {
  std::string what;               // "making the endorsement key"
  std::string password_of;        // whose password may be wrong: "the endorsement hierarchy"
  std::string foreign_what = {};  // what the TPM may refuse as another TPM's: "the saved key"
};

Error error_of(TSS2_RC rc, const Doing& doing, Error usual) {
  if (!is_answer(rc)) return usual;
  switch (kind_of(rc)) {
    case TPM2_RC_BAD_AUTH:
    case TPM2_RC_AUTH_FAIL:
      return {.code = ErrorCode::kEnvironment,
              .message = doing.what + ": " + doing.password_of +
                         " has a password, which imakeep does not know; remove it with tpm2_changeauth"};
    case TPM2_RC_OBJECT_MEMORY:
    case TPM2_RC_SESSION_MEMORY:
    case TPM2_RC_OBJECT_HANDLES:
    case TPM2_RC_SESSION_HANDLES:
      return {.code = ErrorCode::kEnvironment,
              .message = doing.what +
                         ": the TPM has no room for another key or session; use the resource manager, "
                         "device:/dev/tpmrm0, or flush what others left with tpm2_flushcontext"};
    default:
      break;
  }
  if ((rc & TPM2_RC_FMT1) == 0 || doing.foreign_what.empty()) return usual;
  return {.code = ErrorCode::kMismatch,
          .message = doing.what + ": the TPM does not accept " + doing.foreign_what +
                     ": it is of another TPM, or was altered, or the TPM was cleared; enrol this host again"};
}

// Runs a call with the state that it owns. The error tells what this kind of call can meet.
Result<void> run(Connection& connection, const Doing& doing, const Connection::Call& call) {
  auto last = std::make_shared<TSS2_RC>(TSS2_RC_SUCCESS);
  auto done = connection.run(doing.what, [call, last](ESYS_CONTEXT* esys) { return *last = call(esys); });
  if (!done) return unexpected(error_of(*last, doing, std::move(done).error()));
  return {};
}

// ---- handles --------------------------------------------------------------------------------------------------------

// A key or a session in the TPM, which goes with the object; or an object that the TPM keeps, of which only ESYS's
// handle goes.
class Held {
 public:
  Held(Connection& connection, ESYS_TR handle, bool kept = false)
      : connection_(&connection), handle_(handle), kept_(kept) {}
  Held(Held&& other) noexcept
      : connection_(other.connection_), handle_(std::exchange(other.handle_, ESYS_TR_NONE)), kept_(other.kept_) {}
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (handle_ == ESYS_TR_NONE) return;
    // A failure means that the connection is lost, and the call before has said so.
    static_cast<void>(connection_->run("flushing a key", [handle = handle_, kept = kept_](ESYS_CONTEXT* esys) {
      ESYS_TR closed = handle;
      return kept ? Esys_TR_Close(esys, &closed) : Esys_FlushContext(esys, handle);
    }));
  }

  ESYS_TR get() const { return handle_; }

 private:
  Connection* connection_;
  ESYS_TR handle_;
  bool kept_;
};

struct MadeKey {
  ESYS_TR handle = ESYS_TR_NONE;
  EsysPtr<TPM2B_PUBLIC> public_area;
  EsysPtr<TPM2B_PRIVATE> private_area;
};

struct PrimaryKey {
  Held held;
  Bytes public_area;  // TPM2B_PUBLIC
};

template <class T, class Marshal>
Result<Bytes> marshalled(const T& value, Marshal marshal, const std::string& what) {
  std::array<std::uint8_t, sizeof(T) + 16> room{};
  std::size_t size = 0;
  if (marshal(&value, room.data(), room.size(), &size) != TSS2_RC_SUCCESS) {
    return fail(ErrorCode::kIo, "the TPM gave " + what + " that is none");
  }
  const ByteView bytes = std::as_bytes(std::span(room).first(size));
  return Bytes(bytes.begin(), bytes.end());
}

template <class T, class Unmarshal>
Result<T> unmarshalled(ByteView bytes, Unmarshal unmarshal, const std::string& what) {
  T value{};
  std::size_t offset = 0;
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (unmarshal(data, bytes.size(), &offset, &value) != TSS2_RC_SUCCESS || offset != bytes.size()) {
    return fail(ErrorCode::kMismatch, what + " is damaged; enrol this host again");
  }
  return value;
}

template <class Sized>
void set_bytes(Sized& sized, std::uint8_t* buffer, ByteView bytes) {
  sized.size = static_cast<UINT16>(bytes.size());
  std::ranges::copy(bytes, reinterpret_cast<std::byte*>(buffer));
}

Result<PrimaryKey> make_primary(Connection& connection, ESYS_TR hierarchy, const TPM2B_PUBLIC& area,
                                const Doing& doing) {
  auto made = std::make_shared<MadeKey>();
  IMAKEEP_CHECK(run(connection, doing, [=](ESYS_CONTEXT* esys) {
    const TPM2B_SENSITIVE_CREATE sensitive{};
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION pcrs{};
    TPM2B_PUBLIC* out = nullptr;
    const TSS2_RC rc = Esys_CreatePrimary(esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                                          &area, &outside, &pcrs, &made->handle, &out, nullptr, nullptr, nullptr);
    made->public_area.reset(out);
    return rc;
  }));
  Held held(connection, made->handle);
  IMAKEEP_TRY(auto bytes, marshalled(*made->public_area, Tss2_MU_TPM2B_PUBLIC_Marshal, "a public area"));
  return PrimaryKey{.held = std::move(held), .public_area = std::move(bytes)};
}

// ---- what the TPM has -----------------------------------------------------------------------------------------------

Result<EsysPtr<TPMS_CAPABILITY_DATA>> capability(Connection& connection, TPM2_CAP which, UINT32 first, UINT32 count,
                                                 const std::string& what) {
  auto answer = std::make_shared<EsysPtr<TPMS_CAPABILITY_DATA>>();
  IMAKEEP_CHECK(run(connection, {.what = what, .password_of = "the TPM"}, [=](ESYS_CONTEXT* esys) {
    TPMI_YES_NO more = 0;
    TPMS_CAPABILITY_DATA* data = nullptr;
    const TSS2_RC rc =
        Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, which, first, count, &more, &data);
    answer->reset(data);
    return rc;
  }));
  return std::move(*answer);
}

Result<bool> has_handle(Connection& connection, TPM2_HANDLE handle) {
  IMAKEEP_TRY(const auto data,
              capability(connection, TPM2_CAP_HANDLES, handle, 1, "asking the TPM for the handles that it keeps"));
  const TPML_HANDLE& handles = data->data.handles;
  return handles.count > 0 && handles.handle[0] == handle;
}

Result<bool> has_p256(Connection& connection) {
  IMAKEEP_TRY(const auto data, capability(connection, TPM2_CAP_ECC_CURVES, 0, TPM2_MAX_ECC_CURVES,
                                          "asking the TPM for its elliptic curves"));
  const TPML_ECC_CURVE& curves = data->data.eccCurves;
  const auto end = curves.eccCurves + std::min<UINT32>(curves.count, TPM2_MAX_ECC_CURVES);
  return std::find(curves.eccCurves, end, TPM2_ECC_NIST_P256) != end;
}

Result<bool> has_rsa(Connection& connection) {
  IMAKEEP_TRY(const auto data,
              capability(connection, TPM2_CAP_ALGS, TPM2_ALG_RSA, 1, "asking the TPM for its algorithms"));
  const TPML_ALG_PROPERTY& algorithms = data->data.algorithms;
  return algorithms.count > 0 && algorithms.algProperties[0].alg == TPM2_ALG_RSA;
}

Result<Held> kept_object(Connection& connection, TPM2_HANDLE handle, const Doing& doing) {
  auto found = std::make_shared<ESYS_TR>(ESYS_TR_NONE);
  IMAKEEP_CHECK(run(connection, doing, [=](ESYS_CONTEXT* esys) {
    return Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, found.get());
  }));
  return Held(connection, *found, true);
}

// ---- certificates ---------------------------------------------------------------------------------------------------

// The first DER element, without the bytes that pad an NV index. Source: ITU-T X.690, section 8.1.3.
Result<Bytes> unpadded(const Bytes& bytes) {
  constexpr std::byte kSequence{0x30};
  constexpr std::byte kTwoLengthBytes{0x82};
  constexpr std::size_t kHeadBytes = 4;
  const bool sequence = bytes.size() > kHeadBytes && bytes[0] == kSequence && bytes[1] == kTwoLengthBytes;
  const std::size_t size =
      sequence ? kHeadBytes + load<std::uint16_t>(bytes.data() + 2, ByteOrder::kBig) : bytes.size() + 1;
  if (size > bytes.size()) {
    return fail(ErrorCode::kMalformed,
                "the TPM's NV index for the certificate of its endorsement key holds no "
                "certificate; ask the maker, or enrol by the key's public area");
  }
  return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

// The certificate in an NV index. Empty if the TPM has no such index.
Result<Bytes> certificate_at(Connection& connection, TPM2_HANDLE index) {
  IMAKEEP_TRY(const bool there, has_handle(connection, index));
  if (!there) return Bytes();
  const Doing doing{.what = "reading the certificate of the endorsement key", .password_of = "its NV index"};
  IMAKEEP_TRY(const auto nv, kept_object(connection, index, doing));
  auto area = std::make_shared<EsysPtr<TPM2B_NV_PUBLIC>>();
  IMAKEEP_CHECK(run(connection, doing, [handle = nv.get(), area](ESYS_CONTEXT* esys) {
    TPM2B_NV_PUBLIC* out = nullptr;
    const TSS2_RC rc = Esys_NV_ReadPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &out, nullptr);
    area->reset(out);
    return rc;
  }));
  const TPMS_NV_PUBLIC& nv_public = (*area)->nvPublic;
  const bool by_index = (nv_public.attributes & TPMA_NV_AUTHREAD) != 0;
  Bytes bytes;
  while (bytes.size() < nv_public.dataSize) {
    const auto offset = static_cast<UINT16>(bytes.size());
    const auto size = std::min<UINT16>(kNvPieceBytes, static_cast<UINT16>(nv_public.dataSize - offset));
    auto piece = std::make_shared<EsysPtr<TPM2B_MAX_NV_BUFFER>>();
    IMAKEEP_CHECK(run(connection, doing, [=, handle = nv.get()](ESYS_CONTEXT* esys) {
      TPM2B_MAX_NV_BUFFER* out = nullptr;
      const TSS2_RC rc = Esys_NV_Read(esys, by_index ? handle : ESYS_TR_RH_OWNER, handle, ESYS_TR_PASSWORD,
                                      ESYS_TR_NONE, ESYS_TR_NONE, size, offset, &out);
      piece->reset(out);
      return rc;
    }));
    append_bytes(bytes, std::as_bytes(std::span((*piece)->buffer, (*piece)->size)));
    if ((*piece)->size == 0) return fail(ErrorCode::kIo, doing.what + ": the TPM gave nothing");
  }
  return unpadded(bytes);
}

// ---- the attestation key --------------------------------------------------------------------------------------------

Result<Held> parent_key(Connection& connection, KeyParent parent) {
  const Doing doing{.what = "opening the owner's storage key",
                    .password_of = parent == KeyParent::kPersistent ? "the key 0x81000001" : "the owner's hierarchy"};
  if (parent == KeyParent::kPersistent) {
    IMAKEEP_TRY(const bool there, has_handle(connection, kStorageKey));
    if (!there) {
      return fail(ErrorCode::kMismatch, doing.what +
                                            ": the TPM has no key at 0x81000001 any more, under which this host's "
                                            "attestation key was made; enrol this host again");
    }
    return kept_object(connection, kStorageKey, doing);
  }
  IMAKEEP_TRY(auto made, make_primary(connection, ESYS_TR_RH_OWNER, storage_template(parent), doing));
  return std::move(made.held);
}

Result<Held> load_key(Connection& connection, const SavedKey& key) {
  const std::string what = "the saved attestation key";
  IMAKEEP_TRY(const auto area, unmarshalled<TPM2B_PUBLIC>(key.public_area, Tss2_MU_TPM2B_PUBLIC_Unmarshal, what));
  IMAKEEP_TRY(const auto secret, unmarshalled<TPM2B_PRIVATE>(key.private_area, Tss2_MU_TPM2B_PRIVATE_Unmarshal, what));
  IMAKEEP_TRY(const auto parent, parent_key(connection, key.parent));
  auto loaded = std::make_shared<ESYS_TR>(ESYS_TR_NONE);
  const Doing doing{
      .what = "loading the attestation key", .password_of = "the owner's storage key", .foreign_what = what};
  IMAKEEP_CHECK(run(connection, doing, [=, handle = parent.get()](ESYS_CONTEXT* esys) {
    return Esys_Load(esys, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &secret, &area, loaded.get());
  }));
  return Held(connection, *loaded);
}

// A session that satisfies the policy of the EK.
Result<Held> ek_session(Connection& connection) {
  const Doing doing{.what = "authorizing the endorsement key", .password_of = "the endorsement hierarchy"};
  auto session = std::make_shared<ESYS_TR>(ESYS_TR_NONE);
  IMAKEEP_CHECK(run(connection, doing, [session](ESYS_CONTEXT* esys) {
    TPMT_SYM_DEF symmetric{};
    symmetric.algorithm = TPM2_ALG_NULL;
    return Esys_StartAuthSession(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                 TPM2_SE_POLICY, &symmetric, TPM2_ALG_SHA256, session.get());
  }));
  Held held(connection, *session);
  IMAKEEP_CHECK(run(connection, doing, [handle = *session](ESYS_CONTEXT* esys) {
    // Otherwise the TPM would end the session with the next command, and nothing would be left to flush.
    const TSS2_RC rc =
        Esys_TRSess_SetAttributes(esys, handle, TPMA_SESSION_CONTINUESESSION, TPMA_SESSION_CONTINUESESSION);
    if (rc != TSS2_RC_SUCCESS) return rc;
    const TPM2B_NONCE nonce{};
    const TPM2B_DIGEST command{};
    const TPM2B_NONCE reference{};
    return Esys_PolicySecret(esys, ESYS_TR_RH_ENDORSEMENT, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nonce,
                             &command, &reference, 0, nullptr, nullptr);
  }));
  return held;
}

Result<PrimaryKey> make_ek(Connection& connection, EkKind kind) {
  return make_primary(connection, ESYS_TR_RH_ENDORSEMENT, ek_template(kind),
                      {.what = "making the endorsement key", .password_of = "the endorsement hierarchy"});
}

Result<TPML_PCR_SELECTION> selection_of(const std::vector<PcrSelection>& selections) {
  TPML_PCR_SELECTION made{};
  for (const PcrSelection& selection : selections) {
    if (made.count == TPM2_NUM_PCR_BANKS) return fail(ErrorCode::kUsage, "a quote over more banks than any TPM has");
    TPMS_PCR_SELECTION& bank = made.pcrSelections[made.count++];
    bank.hash = digest::info(selection.bank.algorithm).tpm_alg;
    bank.sizeofSelect = digest::kPcrCount / 8;
    for (const std::uint32_t pcr : selection.pcrs) {
      IMAKEEP_CHECK(check_pcr(pcr));
      bank.pcrSelect[pcr / 8] |= static_cast<BYTE>(1u << (pcr % 8));
    }
  }
  return made;
}

}  // namespace

Result<std::unique_ptr<EsysAttestationTpm>> EsysAttestationTpm::open(const std::string& tcti,
                                                                     const EsysOptions& options) {
  IMAKEEP_TRY(std::shared_ptr<Connection> connection,
              Connection::open([tcti] { return open_tcti(tcti); }, options.answer_limit));
  IMAKEEP_TRY(auto pcrs, EsysPcrBanks::on(connection, tcti, options.banks));
  return std::unique_ptr<EsysAttestationTpm>(new EsysAttestationTpm(std::move(connection), std::move(pcrs)));
}

Result<SavedKey> EsysAttestationTpm::make_key() {
  IMAKEEP_TRY(const bool ecc, has_p256(*connection_));
  IMAKEEP_TRY(const bool persistent, has_handle(*connection_, kStorageKey));
  const KeyParent kind = persistent ? KeyParent::kPersistent : (ecc ? KeyParent::kEccPrimary : KeyParent::kRsaPrimary);
  IMAKEEP_TRY(const auto parent, parent_key(*connection_, kind));
  auto made = std::make_shared<MadeKey>();
  const Doing doing{.what = "making the attestation key", .password_of = "the owner's storage key"};
  IMAKEEP_CHECK(run(*connection_, doing, [=, area = ak_template(ecc), handle = parent.get()](ESYS_CONTEXT* esys) {
    const TPM2B_SENSITIVE_CREATE sensitive{};
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION pcrs{};
    TPM2B_PRIVATE* secret = nullptr;
    TPM2B_PUBLIC* out = nullptr;
    const TSS2_RC rc = Esys_Create(esys, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &area,
                                   &outside, &pcrs, &secret, &out, nullptr, nullptr, nullptr);
    made->private_area.reset(secret);
    made->public_area.reset(out);
    return rc;
  }));
  SavedKey key{.parent = kind};
  IMAKEEP_TRY(key.public_area, marshalled(*made->public_area, Tss2_MU_TPM2B_PUBLIC_Marshal, "a public area"));
  IMAKEEP_TRY(key.private_area, marshalled(*made->private_area, Tss2_MU_TPM2B_PRIVATE_Marshal, "a private area"));
  return key;
}

Result<EndorsementKey> EsysAttestationTpm::endorsement_key() {
  EndorsementKey key;
  IMAKEEP_TRY(key.certificate, certificate_at(*connection_, kRsaEkCertificate));
  if (key.certificate.empty()) {
    IMAKEEP_TRY(key.certificate, certificate_at(*connection_, kEccEkCertificate));
    IMAKEEP_TRY(const bool rsa, has_rsa(*connection_));
    if (!key.certificate.empty() || !rsa) key.kind = EkKind::kEccP256;
  }
  IMAKEEP_TRY(auto made, make_ek(*connection_, key.kind));
  key.public_area = std::move(made.public_area);
  return key;
}

Result<Bytes> EsysAttestationTpm::activate(const SavedKey& key, EkKind ek_kind, const Credential& credential) {
  TPM2B_ID_OBJECT id_object{};
  TPM2B_ENCRYPTED_SECRET secret{};
  if (credential.id_object.size() > sizeof id_object.credential || credential.secret.size() > sizeof secret.secret) {
    return fail(ErrorCode::kMismatch, "the credential is larger than any TPM makes; enrol this host again");
  }
  set_bytes(id_object, id_object.credential, credential.id_object);
  set_bytes(secret, secret.secret, credential.secret);
  IMAKEEP_TRY(const auto ak, load_key(*connection_, key));
  IMAKEEP_TRY(const auto ek, make_ek(*connection_, ek_kind));
  IMAKEEP_TRY(const auto session, ek_session(*connection_));
  auto answer = std::make_shared<EsysPtr<TPM2B_DIGEST>>();
  const Doing doing{.what = "opening the verifier's credential",
                    .password_of = "the attestation key",
                    .foreign_what = "the verifier's credential"};
  IMAKEEP_CHECK(run(*connection_, doing, [=, ak = ak.get(), ek = ek.held.get(), policy = session.get()](auto* esys) {
    TPM2B_DIGEST* out = nullptr;
    const TSS2_RC rc =
        Esys_ActivateCredential(esys, ak, ek, ESYS_TR_PASSWORD, policy, ESYS_TR_NONE, &id_object, &secret, &out);
    answer->reset(out);
    return rc;
  }));
  const ByteView opened = std::as_bytes(std::span((*answer)->buffer, (*answer)->size));
  return Bytes(opened.begin(), opened.end());
}

Result<SignedQuote> EsysAttestationTpm::quote(const SavedKey& key, ByteView nonce,
                                              const std::vector<PcrSelection>& selections) {
  TPM2B_DATA qualifying{};
  if (nonce.size() > sizeof(TPMU_HA)) return fail(ErrorCode::kUsage, "a nonce of more than 64 bytes");
  set_bytes(qualifying, qualifying.buffer, nonce);
  IMAKEEP_TRY(const auto selection, selection_of(selections));
  IMAKEEP_TRY(const auto ak, load_key(*connection_, key));
  struct Quoted {
    EsysPtr<TPM2B_ATTEST> attest;
    EsysPtr<TPMT_SIGNATURE> signature;
  };
  auto quoted = std::make_shared<Quoted>();
  const Doing doing{.what = "quoting the PCRs", .password_of = "the attestation key"};
  IMAKEEP_CHECK(run(*connection_, doing, [=, handle = ak.get()](ESYS_CONTEXT* esys) {
    TPMT_SIG_SCHEME own{};
    own.scheme = TPM2_ALG_NULL;
    TPM2B_ATTEST* attest = nullptr;
    TPMT_SIGNATURE* signature = nullptr;
    const TSS2_RC rc = Esys_Quote(esys, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &qualifying, &own,
                                  &selection, &attest, &signature);
    quoted->attest.reset(attest);
    quoted->signature.reset(signature);
    return rc;
  }));
  const ByteView attest = std::as_bytes(std::span(quoted->attest->attestationData, quoted->attest->size));
  SignedQuote made{.quote = Bytes(attest.begin(), attest.end())};
  IMAKEEP_TRY(made.signature, marshalled(*quoted->signature, Tss2_MU_TPMT_SIGNATURE_Marshal, "a signature"));
  return made;
}

}  // namespace imakeep::tpm
