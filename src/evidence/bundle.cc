// SPDX-License-Identifier: Apache-2.0
#include "evidence/bundle.h"

#include "digest/digest.h"
#include "evidence/bundle_keys.h"
#include "evidence/cbor_item.h"
#include "evidence/names.h"
#include "evidence/pcr_map.h"
#include "evidence/records_writer.h"

namespace imakeep::evidence {
namespace {

unexpected<Error> bad_header_of_bundle(const std::string& what) {
  return fail(ErrorCode::kMalformed, "evidence bundle: " + what);
}

void put_key(Bytes& out, BundleKey key) {
  put_number(out, static_cast<std::uint64_t>(key));
}

Result<void> check_bundle_quote(const BundleQuote& quote, const std::string& name, std::uint64_t count) {
  for (const auto& [part, called] :
       {std::pair(&quote.statement, "statement"), {&quote.signature, "signature"}, {&quote.ak_public, "key"}}) {
    if (!part->empty() && part->size() <= kMostQuoteBytes) continue;
    return bad_header_of_bundle(name + ": its " + called + " has " + std::to_string(part->size()) +
                                " bytes instead of 1 to " + std::to_string(kMostQuoteBytes));
  }
  if (quote.added_unix_s > kMostRecordNumber) return bad_header_of_bundle(name + ": its time has more than 63 bits");
  if (quote.records > count) {
    return bad_header_of_bundle(name + " is said to cover " + std::to_string(quote.records) +
                                " records, and the bundle has " + std::to_string(count));
  }
  return check_pcrs(quote.pcrs, "evidence bundle: " + name);
}

void put_quote(Bytes& out, const BundleQuote& quote) {
  put_array(out, kBundleQuoteElements);
  put_number(out, quote.records);
  put_number(out, quote.added_unix_s);
  put_bytes(out, quote.statement);
  put_bytes(out, quote.signature);
  put_bytes(out, quote.ak_public);
  put_pcrs(out, quote.pcrs);
}

// Everything before the first chunk of records.
Bytes encoded_bundle_header(const BundleHeader& header) {
  Bytes out = bundle_prefix();
  put_key(out, BundleKey::kVersion);
  put_number(out, kBundleVersion);
  put_key(out, BundleKey::kHost);
  put_text(out, header.host);
  put_key(out, BundleKey::kMade);
  put_number(out, header.made_unix_s);
  put_key(out, BundleKey::kChain);
  put_number(out, header.chain);
  put_key(out, BundleKey::kByteOrder);
  put_number(out, header.byte_order == ByteOrder::kBig ? 1 : 0);
  put_key(out, BundleKey::kEkCertificate);
  put_bytes(out, header.ek_certificate);
  put_key(out, BundleKey::kQuotes);
  put_array(out, header.quotes.size());
  for (const BundleQuote& quote : header.quotes) put_quote(out, quote);
  put_key(out, BundleKey::kCount);
  put_number(out, header.count);
  put_key(out, BundleKey::kRecords);
  put_chunks(out);
  return out;
}

}  // namespace

Bytes bundle_prefix() {
  Bytes out;
  put_map(out, kBundleMembers);
  put_key(out, BundleKey::kFormat);
  put_text(out, kBundleFormat);
  return out;
}

Result<void> check_bundle_header(const BundleHeader& header) {
  if (auto named_well = check_host(header.host); !named_well) return bad_header_of_bundle(named_well.error().message);
  if (header.made_unix_s > kMostRecordNumber || header.chain > kMostRecordNumber || header.count > kMostRecordNumber) {
    return bad_header_of_bundle("a number has more than 63 bits");
  }
  if (header.ek_certificate.size() > kMostCertificateBytes) {
    return bad_header_of_bundle("the EK certificate has " + std::to_string(header.ek_certificate.size()) +
                                " bytes; at most " + std::to_string(kMostCertificateBytes) + " are possible");
  }
  if (header.quotes.size() > kMostBundleQuotes) {
    return bad_header_of_bundle(std::to_string(header.quotes.size()) + " quotes; at most " +
                                std::to_string(kMostBundleQuotes) + " are possible");
  }
  for (std::size_t i = 0; i < header.quotes.size(); ++i) {
    IMAKEEP_CHECK(check_bundle_quote(header.quotes[i], "quote " + std::to_string(i + 1), header.count));
  }
  return {};
}

class BundleWriter::Writing {
 public:
  Writing(std::uint64_t count, Sink sink)
      : sink_(std::move(sink)), records_(Encoding::kZstd, count, [this](ByteView piece) { return put(piece); }) {}

  Result<void> put(ByteView piece) {
    hasher_.update(piece);
    return sink_(piece);
  }
  RecordsWriter& records() { return records_; }
  Result<void> finish() {
    IMAKEEP_CHECK(records_.finish());
    Bytes key;
    put_key(key, BundleKey::kChecksum);
    IMAKEEP_CHECK(put(key));
    Bytes checksum;
    put_bytes(checksum, hasher_.finish().view());
    return sink_(checksum);
  }

 private:
  const Sink sink_;
  digest::Hasher hasher_{digest::Algorithm::kSha256};
  RecordsWriter records_;
};

BundleWriter::BundleWriter(std::unique_ptr<Writing> writing) : writing_(std::move(writing)) {}
BundleWriter::BundleWriter(BundleWriter&&) noexcept = default;
BundleWriter& BundleWriter::operator=(BundleWriter&&) noexcept = default;
BundleWriter::~BundleWriter() = default;

Result<BundleWriter> BundleWriter::begin(const BundleHeader& header, Sink sink) {
  if (auto checked = check_bundle_header(header); !checked) return fail(ErrorCode::kUsage, checked.error().message);
  auto writing = std::make_unique<Writing>(header.count, std::move(sink));
  IMAKEEP_CHECK(writing->put(encoded_bundle_header(header)));
  return BundleWriter(std::move(writing));
}

Result<void> BundleWriter::add(const imalog::RecordContentView& content) {
  return writing_->records().add(content);
}

Result<void> BundleWriter::finish() {
  return writing_->finish();
}

}  // namespace imakeep::evidence
