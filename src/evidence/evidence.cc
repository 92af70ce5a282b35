// SPDX-License-Identifier: Apache-2.0
#include "evidence/evidence.h"

#include "evidence/cbor_item.h"
#include "evidence/evidence_keys.h"
#include "evidence/names.h"
#include "evidence/nonce.h"
#include "evidence/pcr_map.h"
#include "evidence/records_writer.h"

namespace imakeep::evidence {
namespace {

unexpected<Error> bad_header(const std::string& what) {
  return fail(ErrorCode::kMalformed, "evidence: " + what);
}

// Counts the members, since a map begins with their number.
class MapBuilder {
 public:
  Bytes& key(EvidenceKey key) {
    ++members_;
    put_number(body_, static_cast<std::uint64_t>(key));
    return body_;
  }
  void number(EvidenceKey name, std::uint64_t value) { put_number(key(name), value); }
  void bytes(EvidenceKey name, ByteView value) {
    if (!value.empty()) put_bytes(key(name), value);
  }
  void text(EvidenceKey name, std::string_view value) {
    if (!value.empty()) put_text(key(name), value);
  }
  Bytes done() const {
    Bytes whole;
    put_map(whole, members_);
    append_bytes(whole, body_);
    return whole;
  }

 private:
  std::size_t members_ = 0;
  Bytes body_;
};

// Everything before the first chunk.
Bytes encoded_header(const EvidenceHeader& header) {
  MapBuilder map;
  map.number(EvidenceKey::kVersion, kEvidenceVersion);
  map.text(EvidenceKey::kTenant, header.tenant);
  map.text(EvidenceKey::kHost, header.host);
  map.bytes(EvidenceKey::kToken, header.token);
  map.bytes(EvidenceKey::kQuote, header.quote);
  map.bytes(EvidenceKey::kSignature, header.signature);
  if (!header.pcrs.empty()) put_pcrs(map.key(EvidenceKey::kPcrs), header.pcrs);
  map.number(EvidenceKey::kFirst, header.first);
  map.number(EvidenceKey::kCount, header.count);
  map.number(EvidenceKey::kEncoding, static_cast<std::uint64_t>(header.encoding));
  map.number(EvidenceKey::kPart, header.more ? 1 : 0);
  map.number(EvidenceKey::kByteOrder, header.byte_order == ByteOrder::kBig ? 1 : 0);
  put_chunks(map.key(EvidenceKey::kRecords));
  return map.done();
}

}  // namespace

std::uint64_t record_bytes(const imalog::RecordContentView& content) {
  constexpr std::uint64_t kHeadAndLengths = 12;
  return kHeadAndLengths + content.template_name.size() + content.body.size();
}

Result<void> check_header(const EvidenceHeader& header) {
  if (auto named_well = check_tenant(header.tenant); !named_well) return bad_header(named_well.error().message);
  if (auto named_well = check_host(header.host); !named_well) return bad_header(named_well.error().message);
  if (header.token.size() != kTokenBytes) {
    return bad_header("the token has " + std::to_string(header.token.size()) + " bytes instead of " +
                      std::to_string(kTokenBytes) + "; send it as the challenge gave it");
  }
  if (header.first > kMostRecordNumber || header.count > kMostRecordNumber - header.first) {
    return bad_header("the records' numbers have more than 63 bits");
  }
  const auto impossible = [](const Bytes& bytes) { return bytes.empty() || bytes.size() > kMostQuoteBytes; };
  if (impossible(header.quote)) {
    return bad_header("the quote has " + std::to_string(header.quote.size()) + " bytes; 1 to " +
                      std::to_string(kMostQuoteBytes) + " are needed");
  }
  if (impossible(header.signature)) {
    return bad_header("the signature has " + std::to_string(header.signature.size()) + " bytes; 1 to " +
                      std::to_string(kMostQuoteBytes) + " are needed");
  }
  if (header.more && header.count == 0) return bad_header("a part has no record; send the last part");
  return check_pcrs(header.pcrs, "evidence");
}

class EvidenceWriter::Writing {
 public:
  Writing(const EvidenceHeader& header, Sink sink) : records_(header.encoding, header.count, std::move(sink)) {}

  RecordsWriter& records() { return records_; }

 private:
  RecordsWriter records_;
};

EvidenceWriter::EvidenceWriter(std::unique_ptr<Writing> writing) : writing_(std::move(writing)) {}
EvidenceWriter::EvidenceWriter(EvidenceWriter&&) noexcept = default;
EvidenceWriter& EvidenceWriter::operator=(EvidenceWriter&&) noexcept = default;
EvidenceWriter::~EvidenceWriter() = default;

Result<EvidenceWriter> EvidenceWriter::begin(const EvidenceHeader& header, Sink sink) {
  if (auto checked = check_header(header); !checked) return fail(ErrorCode::kUsage, checked.error().message);
  IMAKEEP_CHECK(sink(encoded_header(header)));
  return EvidenceWriter(std::make_unique<Writing>(header, std::move(sink)));
}

Result<void> EvidenceWriter::add(const imalog::RecordContentView& content) {
  return writing_->records().add(content);
}

Result<void> EvidenceWriter::finish() {
  return writing_->records().finish();
}

}  // namespace imakeep::evidence
