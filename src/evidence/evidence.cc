// SPDX-License-Identifier: Apache-2.0
#include "evidence/evidence.h"

#include <zstd.h>

#include <algorithm>
#include <new>
#include <tuple>

#include "base/freed_by.h"
#include "evidence/cbor_item.h"
#include "evidence/evidence_keys.h"
#include "evidence/names.h"
#include "evidence/nonce.h"
#include "evidence/record_stream.h"

namespace imakeep::evidence {
namespace {

unexpected<Error> bad_header(const std::string& what) {
  return fail(ErrorCode::kMalformed, "evidence: " + what);
}

bool before(const imalog::PcrValue& a, const imalog::PcrValue& b) {
  return std::tie(a.bank.algorithm, a.pcr) < std::tie(b.bank.algorithm, b.pcr);
}

std::vector<imalog::PcrValue> in_order(std::vector<imalog::PcrValue> pcrs) {
  std::sort(pcrs.begin(), pcrs.end(), before);
  return pcrs;
}

Result<void> check_pcrs(const std::vector<imalog::PcrValue>& pcrs) {
  const auto sorted = in_order(pcrs);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const imalog::PcrValue& each = sorted[i];
    const std::string name = "PCR " + std::to_string(each.pcr) + " of bank " + each.bank.name();
    if (each.pcr >= digest::kPcrCount) return bad_header(name + ": a TPM has PCRs 0 to 23");
    if (each.value.size() != each.bank.digest_bytes()) {
      return bad_header(name + ": its value has " + std::to_string(each.value.size()) + " bytes instead of " +
                        std::to_string(each.bank.digest_bytes()));
    }
    if (i > 0 && !before(sorted[i - 1], each)) return bad_header(name + " is there twice");
  }
  return {};
}

Result<void> check_part(const EvidenceHeader& header) {
  if (!header.quote.empty() || !header.signature.empty() || !header.pcrs.empty()) {
    return bad_header("a part has no quote, signature and PCR values; send them with the last part");
  }
  if (header.nonce.size() != kNonceBytes) {
    return bad_header("a part needs the challenge's nonce of " + std::to_string(kNonceBytes) + " bytes");
  }
  return {};
}

Result<void> check_whole(const EvidenceHeader& header) {
  const auto possible = [](const Bytes& bytes) { return !bytes.empty() && bytes.size() <= kMostQuoteBytes; };
  if (!possible(header.quote)) {
    return bad_header("the quote has " + std::to_string(header.quote.size()) + " bytes; 1 to " +
                      std::to_string(kMostQuoteBytes) + " are needed unless it is a part");
  }
  if (!possible(header.signature)) {
    return bad_header("the signature has " + std::to_string(header.signature.size()) + " bytes; 1 to " +
                      std::to_string(kMostQuoteBytes) + " are needed unless it is a part");
  }
  if (!header.nonce.empty()) return bad_header("only a part has a nonce; the quote shows it otherwise");
  return check_pcrs(header.pcrs);
}

void put_pcrs(Bytes& out, const std::vector<imalog::PcrValue>& pcrs) {
  const auto sorted = in_order(pcrs);
  const auto end_of_bank = [&sorted](std::size_t i) {
    std::size_t end = i;
    while (end < sorted.size() && sorted[end].bank.algorithm == sorted[i].bank.algorithm) ++end;
    return end;
  };
  std::size_t banks = 0;
  for (std::size_t i = 0; i < sorted.size(); i = end_of_bank(i)) ++banks;
  put_map(out, banks);
  for (std::size_t i = 0; i < sorted.size();) {
    const std::size_t end = end_of_bank(i);
    put_text(out, digest::info(sorted[i].bank.algorithm).name);
    put_map(out, end - i);
    for (; i < end; ++i) {
      put_number(out, sorted[i].pcr);
      put_bytes(out, sorted[i].value.view());
    }
  }
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
  map.bytes(EvidenceKey::kNonce, header.nonce);
  put_chunks(map.key(EvidenceKey::kRecords));
  return map.done();
}

using Compressor = std::unique_ptr<ZSTD_CCtx, FreedBy<ZSTD_freeCCtx>>;

Compressor make_compressor() {
  constexpr int kDefaultLevel = 3;
  Compressor compressor(ZSTD_createCCtx());
  if (!compressor) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_compressionLevel, kDefaultLevel);
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_windowLog, kMostWindowLog);
  ZSTD_CCtx_setParameter(compressor.get(), ZSTD_c_checksumFlag, 1);
  return compressor;
}

}  // namespace

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
  return header.more ? check_part(header) : check_whole(header);
}

class EvidenceWriter::Writing {
 public:
  Writing(const EvidenceHeader& header, Sink sink) : left_(header.count), sink_(std::move(sink)) {
    if (header.encoding == Encoding::kZstd) compressor_ = make_compressor();
  }

  Result<void> begin(const EvidenceHeader& header) { return sink_(encoded_header(header)); }

  Result<void> add(const imalog::RecordContentView& content) {
    if (left_ == 0) return fail(ErrorCode::kUsage, "evidence: more records than its header counts");
    if (!imalog::acceptable(content)) {
      return fail(ErrorCode::kUsage, "evidence: no list can have this record; give records as a list shows them");
    }
    --left_;
    record_.clear();
    append_record(record_, content);
    return compressor_ ? compress(record_, ZSTD_e_continue) : put(record_);
  }

  Result<void> finish() {
    if (left_ > 0) {
      return fail(ErrorCode::kUsage, "evidence: " + std::to_string(left_) + " records fewer than its header counts");
    }
    if (compressor_) IMAKEEP_CHECK(compress({}, ZSTD_e_end));
    IMAKEEP_CHECK(flush());
    Bytes end;
    put_end(end);
    return sink_(end);
  }

 private:
  Result<void> compress(ByteView bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    for (;;) {
      std::array<std::byte, 4096> room;
      ZSTD_outBuffer out = {room.data(), room.size(), 0};
      const std::size_t left = ZSTD_compressStream2(compressor_.get(), &out, &in, directive);
      // The input is valid, so the only possible error is a lack of memory.
      if (ZSTD_isError(left) != 0) throw std::bad_alloc();
      IMAKEEP_CHECK(put(ByteView(room).first(out.pos)));
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
    }
  }

  Result<void> put(ByteView bytes) {
    while (!bytes.empty()) {
      const ByteView part = bytes.first(std::min(bytes.size(), kMostChunkBytes - chunk_.size()));
      append_bytes(chunk_, part);
      bytes = bytes.subspan(part.size());
      if (chunk_.size() == kMostChunkBytes) IMAKEEP_CHECK(flush());
    }
    return {};
  }

  Result<void> flush() {
    if (chunk_.empty()) return {};
    Bytes item;
    put_bytes(item, chunk_);
    chunk_.clear();
    return sink_(item);
  }

  std::uint64_t left_;  // records that are still to come
  const Sink sink_;
  Compressor compressor_;
  Bytes record_;
  Bytes chunk_;
};

EvidenceWriter::EvidenceWriter(std::unique_ptr<Writing> writing) : writing_(std::move(writing)) {}
EvidenceWriter::EvidenceWriter(EvidenceWriter&&) noexcept = default;
EvidenceWriter& EvidenceWriter::operator=(EvidenceWriter&&) noexcept = default;
EvidenceWriter::~EvidenceWriter() = default;

Result<EvidenceWriter> EvidenceWriter::begin(const EvidenceHeader& header, Sink sink) {
  if (auto checked = check_header(header); !checked) return fail(ErrorCode::kUsage, checked.error().message);
  auto writing = std::make_unique<Writing>(header, std::move(sink));
  IMAKEEP_CHECK(writing->begin(header));
  return EvidenceWriter(std::move(writing));
}

Result<void> EvidenceWriter::add(const imalog::RecordContentView& content) {
  return writing_->add(content);
}

Result<void> EvidenceWriter::finish() {
  return writing_->finish();
}

}  // namespace imakeep::evidence
