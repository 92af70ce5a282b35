// SPDX-License-Identifier: Apache-2.0
#include "attester/evidence_body.h"

#include <algorithm>

namespace imakeep::attester {
namespace {

// Turns what the writer pushes into what the client pulls.
class Pulled {
 public:
  Pulled(Records& records, std::uint64_t count) : records_(records), left_(count) {}

  Result<void> begin(const evidence::EvidenceHeader& header) {
    auto writer = evidence::EvidenceWriter::begin(header, [this](ByteView piece) -> Result<void> {
      append_bytes(waiting_, piece);
      return {};
    });
    if (!writer) return unexpected(std::move(writer).error());
    writer_.emplace(std::move(*writer));
    return {};
  }

  Result<std::size_t> pull(std::span<std::byte> room) {
    while (taken_ == waiting_.size() && !ended_) {
      waiting_.clear();
      taken_ = 0;
      IMAKEEP_CHECK(step());
    }
    const std::size_t bytes = std::min(room.size(), waiting_.size() - taken_);
    std::copy_n(waiting_.begin() + static_cast<std::ptrdiff_t>(taken_), bytes, room.begin());
    taken_ += bytes;
    return bytes;
  }

 private:
  Result<void> step() {
    if (left_ == 0) {
      ended_ = true;
      return writer_->finish();
    }
    IMAKEEP_TRY(const auto record, records_.log->next());
    if (!record) {
      return fail(ErrorCode::kMalformed, records_.source + " has " + std::to_string(left_) +
                                             " records fewer than it counted; if it is an archive, look at it with "
                                             "`imakeep log --check`");
    }
    --left_;
    return writer_->add(record->content);
  }

  Records& records_;
  std::uint64_t left_;
  std::optional<evidence::EvidenceWriter> writer_;
  Bytes waiting_;
  std::size_t taken_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<http::BodySource> evidence_body(const evidence::EvidenceHeader& header, Records& records) {
  auto pulled = std::make_shared<Pulled>(records, header.count);
  IMAKEEP_CHECK(pulled->begin(header));
  return http::BodySource([pulled](std::span<std::byte> room) { return pulled->pull(room); });
}

}  // namespace imakeep::attester
