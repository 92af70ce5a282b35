// SPDX-License-Identifier: Apache-2.0
#include "evidence/evidence_reader.h"

#include <optional>

#include "base/text.h"
#include "evidence/cbor_item.h"
#include "evidence/evidence_keys.h"
#include "evidence/record_stream.h"
#include "evidence/zstd_expander.h"

namespace imakeep::evidence {
namespace {

// Input is taken in pieces of this size, so that no more of it is kept.
constexpr std::size_t kPieceBytes = 64u << 10;

unexpected<Error> bad_evidence(const std::string& what, ErrorCode code = ErrorCode::kMalformed) {
  return fail(code, "evidence: " + what);
}

std::string member_text(EvidenceKey key) {
  return "member " + std::to_string(static_cast<unsigned>(key));
}

}  // namespace

// The items come one by one. `expect_` says what the next one has to be.
class EvidenceReader::Reading {
 public:
  Reading(const EvidenceLimits& limits, OnHeader on_header, OnRecord on_record)
      : limits_(limits),
        on_header_(std::move(on_header)),
        on_record_(std::move(on_record)),
        records_(limits.body_bytes, [this](const imalog::RecordContentView& content) { return take_record(content); }) {
  }

  Result<void> feed(ByteView bytes) {
    if (error_) return unexpected(*error_);
    auto taken = take_bytes(bytes);
    if (!taken) error_ = taken.error();
    return taken;
  }

  Result<void> finish() const {
    if (error_) return unexpected(*error_);
    if (expect_ == Expect::kNothing) return {};
    return unexpected(Error{.code = ErrorCode::kTruncated,
                            .message = "evidence: it ends too early; send all of it",
                            .offset = offset_ + pending_.size()});
  }

 private:
  enum class Expect : std::uint8_t {
    kMap,
    kKey,
    kValue,
    kBank,
    kBankPcrs,
    kPcr,
    kPcrValue,
    kRecords,
    kChunk,
    kNothing
  };

  Result<void> take_bytes(ByteView bytes) {
    while (!bytes.empty()) {
      const ByteView piece = bytes.first(std::min(bytes.size(), kPieceBytes));
      bytes = bytes.subspan(piece.size());
      append_bytes(pending_, piece);
      IMAKEEP_CHECK(take_items());
    }
    return {};
  }

  Result<void> take_items() {
    ByteView rest = pending_;
    while (!rest.empty()) {
      if (expect_ == Expect::kNothing) return at_offset(bad_evidence("bytes follow its end; send nothing after it"));
      const std::size_t before = rest.size();
      auto item = take_item(rest, kMostChunkBytes);
      if (!item) return at_offset(bad_evidence(item.error().message, item.error().code));
      if (!*item) break;
      if (auto taken = take(**item); !taken) return at_offset(unexpected(std::move(taken).error()));
      offset_ += before - rest.size();
    }
    pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(rest.size()));
    return {};
  }

  // The error with the offset of the item, unless it names a record.
  unexpected<Error> at_offset(unexpected<Error> error) const {
    if (!error.value().record && !error.value().offset) error.value().offset = offset_;
    return error;
  }

  Result<void> take(const CborItem& item) {
    switch (expect_) {
      case Expect::kMap:
        return take_map(item);
      case Expect::kKey:
        return take_key(item);
      case Expect::kValue:
        return take_value(item);
      case Expect::kBank:
      case Expect::kBankPcrs:
      case Expect::kPcr:
      case Expect::kPcrValue:
        return take_pcrs(item);
      case Expect::kRecords:
        return take_records(item);
      case Expect::kChunk:
        return take_chunk(item);
      case Expect::kNothing:
        break;
    }
    return {};
  }

  Result<void> take_map(const CborItem& item) {
    if (item.kind != ItemKind::kMap) return bad_evidence("it is no CBOR map of definite length");
    if (item.number == 0 || item.number > kMostEvidenceKey) {
      return bad_evidence("the map has " + std::to_string(item.number) + " members");
    }
    members_left_ = item.number;
    expect_ = Expect::kKey;
    return {};
  }

  Result<void> take_key(const CborItem& item) {
    if (item.kind != ItemKind::kNumber) return bad_evidence("a key of the map is no number");
    if (last_key_ == 0 && item.number != static_cast<std::uint64_t>(EvidenceKey::kVersion)) {
      return bad_evidence("it does not begin with its version");
    }
    if (item.number <= last_key_) {
      return bad_evidence("member " + std::to_string(item.number) + " follows member " + std::to_string(last_key_) +
                          "; send each once, in ascending order");
    }
    // Nothing has number 13.
    if (item.number > kMostEvidenceKey || item.number == kMostEvidenceKey - 1) {
      return bad_evidence(
          "member " + std::to_string(item.number) + " is unknown in version " + std::to_string(kEvidenceVersion),
          ErrorCode::kUnsupported);
    }
    last_key_ = item.number;
    key_ = static_cast<EvidenceKey>(item.number);
    --members_left_;
    if (key_ == EvidenceKey::kRecords) return begin_records();
    expect_ = Expect::kValue;
    return {};
  }

  Result<void> take_value(const CborItem& item) {
    switch (key_) {
      case EvidenceKey::kVersion:
        return take_version(item);
      case EvidenceKey::kTenant:
        IMAKEEP_CHECK(take_text(item, header_.tenant));
        break;
      case EvidenceKey::kHost:
        IMAKEEP_CHECK(take_text(item, header_.host));
        break;
      case EvidenceKey::kToken:
        IMAKEEP_CHECK(take_string(item, header_.token));
        break;
      case EvidenceKey::kQuote:
        IMAKEEP_CHECK(take_string(item, header_.quote));
        break;
      case EvidenceKey::kSignature:
        IMAKEEP_CHECK(take_string(item, header_.signature));
        break;
      case EvidenceKey::kPcrs:
        return take_pcr_map(item);
      default:
        IMAKEEP_CHECK(take_number(item));
    }
    return end_of_member();
  }

  Result<void> take_version(const CborItem& item) {
    if (item.kind != ItemKind::kNumber) return bad_evidence("the version is no number");
    if (item.number != kEvidenceVersion) {
      return bad_evidence("version " + std::to_string(item.number) + "; this verifier knows version " +
                              std::to_string(kEvidenceVersion),
                          ErrorCode::kUnsupported);
    }
    return end_of_member();
  }

  Result<void> take_number(const CborItem& item) {
    if (item.kind != ItemKind::kNumber) return bad_evidence(member_text(key_) + " is no number");
    if (key_ == EvidenceKey::kFirst) {
      has_first_ = true;
      header_.first = item.number;
      return {};
    }
    if (key_ == EvidenceKey::kCount) {
      has_count_ = true;
      header_.count = item.number;
      return {};
    }
    if (item.number > 1) {
      return bad_evidence(member_text(key_) + " is " + std::to_string(item.number) + "; only 0 and 1 are known",
                          ErrorCode::kUnsupported);
    }
    if (key_ == EvidenceKey::kEncoding) header_.encoding = static_cast<Encoding>(item.number);
    if (key_ == EvidenceKey::kPart) header_.more = item.number == 1;
    if (key_ == EvidenceKey::kByteOrder) header_.byte_order = item.number == 1 ? ByteOrder::kBig : ByteOrder::kLittle;
    return {};
  }

  Result<void> take_text(const CborItem& item, std::string& to) const {
    if (item.kind != ItemKind::kText) return bad_evidence(member_text(key_) + " is no text");
    if (item.bytes.empty()) return bad_evidence(member_text(key_) + " is empty; leave it out");
    to = as_text(item.bytes);
    return {};
  }

  Result<void> take_string(const CborItem& item, Bytes& to) const {
    if (item.kind != ItemKind::kBytes) return bad_evidence(member_text(key_) + " is no byte string");
    if (item.bytes.empty()) return bad_evidence(member_text(key_) + " is empty; leave it out");
    to.assign(item.bytes.begin(), item.bytes.end());
    return {};
  }

  Result<void> end_of_member() {
    if (members_left_ == 0) return bad_evidence("it has no records; an empty byte string is needed if there are none");
    expect_ = Expect::kKey;
    return {};
  }

  // ---- PCR values

  Result<void> take_pcr_map(const CborItem& item) {
    IMAKEEP_TRY(banks_left_, pairs_of(item, digest::kAlgorithmCount));
    expect_ = Expect::kBank;
    return {};
  }

  // More pairs than there can be keys have a key twice.
  Result<std::uint64_t> pairs_of(const CborItem& item, std::uint64_t most) const {
    if (item.kind != ItemKind::kMap || item.number == 0 || item.number > most) {
      return bad_evidence(member_text(key_) + " is no map of 1 to " + std::to_string(most) + " pairs");
    }
    return item.number;
  }

  Result<void> take_pcrs(const CborItem& item) {
    if (expect_ == Expect::kBank) {
      const std::string_view name = item.kind == ItemKind::kText ? as_text(item.bytes) : "";
      const auto algorithm = digest::algorithm_from_name(name);
      if (!algorithm) {
        return bad_evidence(member_text(key_) + ": no known PCR bank: \"" + printable(name.substr(0, 40)) + "\"",
                            ErrorCode::kUnsupported);
      }
      bank_ = digest::bank_of(*algorithm);
      expect_ = Expect::kBankPcrs;
    } else if (expect_ == Expect::kBankPcrs) {
      IMAKEEP_TRY(pcrs_left_, pairs_of(item, digest::kPcrCount));
      expect_ = Expect::kPcr;
    } else if (expect_ == Expect::kPcr) {
      if (item.kind != ItemKind::kNumber || item.number >= digest::kPcrCount) {
        return bad_evidence(member_text(key_) + ": a PCR is no number from 0 to 23");
      }
      pcr_ = static_cast<std::uint32_t>(item.number);
      expect_ = Expect::kPcrValue;
    } else {
      IMAKEEP_CHECK(take_pcr_value(item));
    }
    return {};
  }

  Result<void> take_pcr_value(const CborItem& item) {
    if (item.kind != ItemKind::kBytes || item.bytes.size() != bank_.digest_bytes()) {
      return bad_evidence(member_text(key_) + ": the value of PCR " + std::to_string(pcr_) + " in bank " +
                          bank_.name() + " is no byte string of " + std::to_string(bank_.digest_bytes()) + " bytes");
    }
    header_.pcrs.push_back({.bank = bank_, .pcr = pcr_, .value = digest::Digest(item.bytes)});
    expect_ = Expect::kPcr;
    if (--pcrs_left_ > 0) return {};
    expect_ = Expect::kBank;
    return --banks_left_ > 0 ? Result<void>() : end_of_member();
  }

  // ---- records

  Result<void> begin_records() {
    if (members_left_ > 0) return bad_evidence("a member follows the records; send them last");
    if (!has_first_ || !has_count_) return bad_evidence("the number of the first record, or the count, is missing");
    IMAKEEP_CHECK(check_header(header_));
    if (header_.count > limits_.records) {
      return bad_evidence(std::to_string(header_.count) + " records; at most " + std::to_string(limits_.records) +
                              " are allowed, so send them in parts",
                          ErrorCode::kUnsupported);
    }
    if (header_.encoding == Encoding::kZstd) {
      expander_.emplace(kMostWindowLog, [this](ByteView bytes) { return take_record_bytes(bytes); });
    }
    expect_ = Expect::kRecords;
    return on_header_(header_);
  }

  Result<void> take_records(const CborItem& item) {
    if (item.kind == ItemKind::kChunks) {
      expect_ = Expect::kChunk;
      return {};
    }
    if (item.kind != ItemKind::kBytes) return bad_evidence("the records are no byte string");
    IMAKEEP_CHECK(take_encoded(item.bytes));
    return end_records();
  }

  Result<void> take_chunk(const CborItem& item) {
    if (item.kind == ItemKind::kEnd) return end_records();
    if (item.kind != ItemKind::kBytes) return bad_evidence("a chunk of the records is no byte string");
    return take_encoded(item.bytes);
  }

  Result<void> take_encoded(ByteView bytes) { return expander_ ? expander_->feed(bytes) : take_record_bytes(bytes); }

  Result<void> take_record_bytes(ByteView bytes) {
    records_bytes_ += bytes.size();
    if (records_bytes_ > limits_.records_bytes) {
      return bad_evidence(
          "the records have more than " + std::to_string(limits_.records_bytes) + " bytes; send them in parts",
          ErrorCode::kUnsupported);
    }
    if (expander_ && records_bytes_ > kFreeExpansionBytes + expander_->taken_bytes() * limits_.expansion) {
      return bad_evidence("the records expand to more than " + std::to_string(limits_.expansion) +
                              " times their compressed size; send them plain",
                          ErrorCode::kUnsupported);
    }
    IMAKEEP_CHECK(records_.feed(bytes));
    return {};
  }

  Result<void> take_record(const imalog::RecordContentView& content) {
    if (records_.records() == header_.count) {
      return bad_evidence("more records than the " + std::to_string(header_.count) + " that are counted");
    }
    return on_record_(content);
  }

  Result<void> end_records() {
    if (expander_ && !expander_->ended()) return bad_evidence("the compressed records end within their frame");
    if (!records_.between_records()) return bad_evidence("the records end within a record");
    if (records_.records() != header_.count) {
      return bad_evidence(std::to_string(records_.records()) + " records, although " + std::to_string(header_.count) +
                          " are counted");
    }
    expect_ = Expect::kNothing;
    return {};
  }

  const EvidenceLimits limits_;
  const OnHeader on_header_;
  const OnRecord on_record_;
  EvidenceHeader header_;
  RecordStream records_;
  std::optional<ZstdExpander> expander_;  // only if the records are compressed
  std::uint64_t records_bytes_ = 0;       // of the records, expanded

  std::optional<Error> error_;
  Bytes pending_;             // input that is no whole item yet
  std::uint64_t offset_ = 0;  // of the next item
  Expect expect_ = Expect::kMap;
  std::uint64_t members_left_ = 0;
  std::uint64_t last_key_ = 0;  // 0: none
  EvidenceKey key_ = EvidenceKey::kVersion;
  bool has_first_ = false;
  bool has_count_ = false;
  std::uint64_t banks_left_ = 0;
  std::uint64_t pcrs_left_ = 0;
  digest::Bank bank_;
  std::uint32_t pcr_ = 0;
};

EvidenceReader::EvidenceReader(const EvidenceLimits& limits, OnHeader on_header, OnRecord on_record)
    : reading_(std::make_unique<Reading>(limits, std::move(on_header), std::move(on_record))) {}
EvidenceReader::~EvidenceReader() = default;

Result<void> EvidenceReader::feed(ByteView bytes) {
  return reading_->feed(bytes);
}

Result<void> EvidenceReader::finish() {
  return reading_->finish();
}

}  // namespace imakeep::evidence
