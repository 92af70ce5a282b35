// SPDX-License-Identifier: Apache-2.0
#include "evidence/bundle_reader.h"

#include <deque>

#include "base/text.h"
#include "digest/digest.h"
#include "evidence/bundle_keys.h"
#include "evidence/cbor_item.h"
#include "evidence/evidence.h"
#include "evidence/record_stream.h"
#include "evidence/zstd_expander.h"

namespace imakeep::evidence {
// Named, because BundleReader::Reading has members of these types.
namespace bundle_reading {

// So many compressed bytes are expanded at once.
constexpr std::size_t kSliceBytes = 256;

static unexpected<Error> bad(const std::string& what, ErrorCode code = ErrorCode::kMalformed) {
  return fail(code, "evidence bundle: " + what);
}

// The items of the bundle one by one.
class Items {
 public:
  explicit Items(BundleReader::Source source) : source_(std::move(source)) {}

  // Valid until the next call.
  Result<CborItem> next() {
    for (;;) {
      ByteView rest = ByteView(pending_).subspan(taken_);
      const std::size_t before = rest.size();
      auto item = take_item(rest, kMostChunkBytes);
      item_offset_ = offset_;
      if (!item) return at_item(bad(item.error().message, item.error().code));
      if (*item) {
        const std::size_t size = before - rest.size();
        hasher_.update(ByteView(pending_).subspan(taken_, size));
        taken_ += size;
        offset_ += size;
        return **item;
      }
      IMAKEEP_TRY(const bool more, read());
      if (!more) {
        item_offset_ = offset_ + before;
        return at_item(bad("it ends too early; get the whole file", ErrorCode::kTruncated));
      }
    }
  }

  // Whether nothing is left.
  Result<bool> at_end() {
    if (taken_ < pending_.size()) return false;
    IMAKEEP_TRY(const bool more, read());
    return !more;
  }

  // SHA-256 of all items so far.
  digest::Digest checksum() { return hasher_.finish(); }

  // The error with the offset of the last item, unless it has a place.
  unexpected<Error> at_item(unexpected<Error> error) const {
    if (!error.value().record && !error.value().offset) error.value().offset = item_offset_;
    return error;
  }

 private:
  Result<bool> read() {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    const std::size_t kept = pending_.size();
    pending_.resize(kept + kMostChunkBytes);
    const auto got = source_(std::span(pending_).subspan(kept));
    pending_.resize(kept + (got ? *got : 0));
    if (!got) return unexpected(got.error());
    return *got > 0;
  }

  const BundleReader::Source source_;
  digest::Hasher hasher_{digest::Algorithm::kSha256};
  Bytes pending_;
  std::size_t taken_ = 0;          // of pending_
  std::uint64_t offset_ = 0;       // of pending_[taken_] in the bundle
  std::uint64_t item_offset_ = 0;  // of the last item
};

// Reads the members before the records.
class HeaderReader {
 public:
  explicit HeaderReader(Items& items) : items_(items) {}

  Result<BundleHeader> read() {
    BundleHeader header;
    IMAKEEP_CHECK(read_front());
    IMAKEEP_CHECK(key(BundleKey::kHost));
    IMAKEEP_TRY(header.host, text());
    IMAKEEP_TRY(header.made_unix_s, member_number(BundleKey::kMade));
    IMAKEEP_TRY(header.chain, member_number(BundleKey::kChain));
    IMAKEEP_TRY(const auto order, member_number(BundleKey::kByteOrder));
    if (order > 1) return refused("the byte order is " + std::to_string(order) + "; only 0 and 1 are known");
    header.byte_order = order == 1 ? ByteOrder::kBig : ByteOrder::kLittle;
    IMAKEEP_CHECK(key(BundleKey::kEkCertificate));
    IMAKEEP_TRY(header.ek_certificate, bytes());
    IMAKEEP_CHECK(key(BundleKey::kQuotes));
    IMAKEEP_TRY(const auto quotes, size(ItemKind::kArray, kMostBundleQuotes, "quotes"));
    for (std::uint64_t i = 0; i < quotes; ++i) {
      IMAKEEP_TRY(auto read, quote());
      header.quotes.push_back(std::move(read));
    }
    IMAKEEP_TRY(header.count, member_number(BundleKey::kCount));
    if (auto checked = check_bundle_header(header); !checked) return items_.at_item(unexpected(checked.error()));
    IMAKEEP_CHECK(key(BundleKey::kRecords));
    IMAKEEP_TRY(const auto& records, items_.next());
    if (records.kind != ItemKind::kChunks) return refused("the records are no byte string in chunks");
    return header;
  }

  Result<void> key(BundleKey expected) {
    IMAKEEP_TRY(const auto& item, items_.next());
    if (item.kind == ItemKind::kNumber && item.number == static_cast<std::uint64_t>(expected)) return {};
    return refused("member " + std::to_string(static_cast<unsigned>(expected)) + " is not where it has to be");
  }

  Result<Bytes> bytes() {
    IMAKEEP_TRY(const auto& item, items_.next());
    if (item.kind != ItemKind::kBytes) return refused("a byte string is missing");
    return Bytes(item.bytes.begin(), item.bytes.end());
  }

 private:
  unexpected<Error> refused(const std::string& what, ErrorCode code = ErrorCode::kMalformed) const {
    return items_.at_item(bad(what, code));
  }

  Result<void> read_front() {
    IMAKEEP_TRY(const auto& map, items_.next());
    if (map.kind != ItemKind::kMap) return refused("it is none: no CBOR map");
    const std::uint64_t members = map.number;
    IMAKEEP_CHECK(key(BundleKey::kFormat));
    IMAKEEP_TRY(const auto& format, text());
    if (format != kBundleFormat) return refused("it is none: member 1 is \"" + printable(format.substr(0, 40)) + "\"");
    IMAKEEP_TRY(const auto version, member_number(BundleKey::kVersion));
    if (version != kBundleVersion) {
      return refused("version " + std::to_string(version) + "; this imakeep knows version " +
                         std::to_string(kBundleVersion) + ", so use a newer one",
                     ErrorCode::kUnsupported);
    }
    if (members != kBundleMembers) return refused("the map has " + std::to_string(members) + " members");
    return {};
  }

  Result<std::string> text() {
    IMAKEEP_TRY(const auto& item, items_.next());
    if (item.kind != ItemKind::kText) return refused("a text is missing");
    return std::string(as_text(item.bytes));
  }

  Result<std::uint64_t> number() {
    IMAKEEP_TRY(const auto& item, items_.next());
    if (item.kind != ItemKind::kNumber) return refused("a number is missing");
    return item.number;
  }

  Result<std::uint64_t> member_number(BundleKey name) {
    IMAKEEP_CHECK(key(name));
    return number();
  }

  // Of an array or a map.
  Result<std::uint64_t> size(ItemKind kind, std::uint64_t most, const std::string& of) {
    IMAKEEP_TRY(const auto& item, items_.next());
    if (item.kind != kind) return refused("the " + of + " are no " + (kind == ItemKind::kMap ? "map" : "array"));
    if (item.number > most)
      return refused(std::to_string(item.number) + " " + of + "; at most " + std::to_string(most));
    return item.number;
  }

  Result<BundleQuote> quote() {
    BundleQuote quote;
    IMAKEEP_TRY(const auto elements, size(ItemKind::kArray, kBundleQuoteElements, "parts of a quote"));
    if (elements != kBundleQuoteElements) return refused("a quote lacks a part");
    IMAKEEP_TRY(quote.records, number());
    IMAKEEP_TRY(quote.added_unix_s, number());
    IMAKEEP_TRY(quote.statement, bytes());
    IMAKEEP_TRY(quote.signature, bytes());
    IMAKEEP_TRY(quote.ak_public, bytes());
    IMAKEEP_TRY(const auto banks, size(ItemKind::kMap, digest::kAlgorithmCount, "banks"));
    for (std::uint64_t i = 0; i < banks; ++i) IMAKEEP_CHECK(read_bank(quote.pcrs));
    return quote;
  }

  // Values of the wrong size and PCRs that are there twice are found by check_bundle_header().
  Result<void> read_bank(std::vector<imalog::PcrValue>& values) {
    IMAKEEP_TRY(const auto& name, text());
    const auto algorithm = digest::algorithm_from_name(name);
    if (!algorithm) {
      return refused("no known PCR bank: \"" + printable(name.substr(0, 40)) + "\"", ErrorCode::kUnsupported);
    }
    IMAKEEP_TRY(const auto pcrs, size(ItemKind::kMap, digest::kPcrCount, "PCRs"));
    for (std::uint64_t i = 0; i < pcrs; ++i) {
      IMAKEEP_TRY(const auto pcr, number());
      IMAKEEP_TRY(const auto& value, bytes());
      if (pcr >= digest::kPcrCount || value.size() > digest::kMaxDigestBytes) {
        return refused("a PCR is no number from 0 to 23, or its value is too long");
      }
      values.push_back({.bank = digest::bank_of(*algorithm),
                        .pcr = static_cast<std::uint32_t>(pcr),
                        .value = digest::Digest(ByteView(value))});
    }
    return {};
  }

  Items& items_;
};

// A record that was expanded and not yet asked for.
struct Waiting {
  std::uint32_t pcr;
  std::string template_name;
  Bytes body;
  bool violation;
};

}  // namespace bundle_reading

class BundleReader::Reading {
 public:
  explicit Reading(Source source)
      : items_(std::move(source)),
        records_(imalog::kMaxDataBytes,
                 [this](const imalog::RecordContentView& content) { return take_record(content); }),
        expander_(kMostWindowLog, [this](ByteView bytes) { return records_.feed(bytes); }) {}

  Result<void> open() {
    IMAKEEP_TRY(header_, bundle_reading::HeaderReader(items_).read());
    return {};
  }
  const BundleHeader& header() const { return header_; }

  Result<std::optional<imalog::RecordContentView>> next() {
    if (error_) return unexpected(*error_);
    if (!waiting_.empty()) waiting_.pop_front();  // the one that was handed over last
    while (waiting_.empty() && !ended_) {
      if (auto stepped = step(); !stepped) {
        error_ = items_.at_item(unexpected(std::move(stepped).error())).value();
        return unexpected(*error_);
      }
    }
    if (waiting_.empty()) return std::nullopt;
    const bundle_reading::Waiting& first = waiting_.front();
    return imalog::RecordContentView{
        .pcr = first.pcr, .template_name = first.template_name, .body = first.body, .violation = first.violation};
  }

 private:
  Result<void> step() {
    if (!slice_.empty()) {
      const ByteView part = slice_.first(std::min(slice_.size(), bundle_reading::kSliceBytes));
      slice_ = slice_.subspan(part.size());
      return expander_.feed(part);
    }
    IMAKEEP_TRY(const auto& item, items_.next());
    if (item.kind == ItemKind::kEnd) return end();
    if (item.kind != ItemKind::kBytes) return bundle_reading::bad("a chunk of the records is no byte string");
    slice_ = item.bytes;
    return {};
  }

  Result<void> take_record(const imalog::RecordContentView& content) {
    if (records_.records() == header_.count) {
      return bundle_reading::bad("more records than the " + std::to_string(header_.count) + " that are counted");
    }
    waiting_.push_back({.pcr = content.pcr,
                        .template_name = std::string(content.template_name),
                        .body = Bytes(content.body.begin(), content.body.end()),
                        .violation = content.violation});
    return {};
  }

  Result<void> end() {
    if (!expander_.ended()) return bundle_reading::bad("the compressed records end within their frame");
    if (!records_.between_records()) return bundle_reading::bad("the records end within a record");
    if (records_.records() != header_.count) {
      return bundle_reading::bad(std::to_string(records_.records()) + " records, although " +
                                 std::to_string(header_.count) + " are counted");
    }
    bundle_reading::HeaderReader members(items_);
    IMAKEEP_CHECK(members.key(BundleKey::kChecksum));
    const digest::Digest checksum = items_.checksum();
    IMAKEEP_TRY(const auto& stored, members.bytes());
    if (!equal(stored, checksum.view())) {
      return bundle_reading::bad("its checksum does not match: it was altered or damaged; get it again");
    }
    IMAKEEP_TRY(const bool at_end, items_.at_end());
    if (!at_end) return bundle_reading::bad("bytes follow its end");
    ended_ = true;
    return {};
  }

  bundle_reading::Items items_;
  BundleHeader header_;
  RecordStream records_;
  ZstdExpander expander_;
  ByteView slice_;                               // of the last chunk: what is not expanded yet
  std::deque<bundle_reading::Waiting> waiting_;  // the first one is that which next() returned last
  bool ended_ = false;
  std::optional<Error> error_;
};

BundleReader::BundleReader(std::unique_ptr<Reading> reading) : reading_(std::move(reading)) {}
BundleReader::BundleReader(BundleReader&&) noexcept = default;
BundleReader& BundleReader::operator=(BundleReader&&) noexcept = default;
BundleReader::~BundleReader() = default;

Result<BundleReader> BundleReader::open(Source source) {
  auto reading = std::make_unique<Reading>(std::move(source));
  IMAKEEP_CHECK(reading->open());
  return BundleReader(std::move(reading));
}

const BundleHeader& BundleReader::header() const {
  return reading_->header();
}

Result<std::optional<imalog::RecordContentView>> BundleReader::next() {
  return reading_->next();
}

}  // namespace imakeep::evidence
