#include "digest/hash_many.h"

#include <utility>

#include "digest/block_hash.h"
#include "digest/kernel.h"

namespace imakeep::digest {
namespace {

// A message on its way through a lane: whole blocks where they lie, then the padded rest.
template <class Hash>
struct Message {
  const std::byte* next = nullptr;
  std::size_t whole = 0;  // blocks from `next` on
  Padding<Hash> padding;
  std::size_t padded = 0;    // blocks of the padding that are done
  Digest* digest = nullptr;  // empty: nothing is on its way

  bool done() const { return whole == 0 && padded == padding.blocks; }
};

template <class Hash>
class Lanes {
 public:
  Lanes(std::span<const ByteView> messages, std::span<Digest> digests) : messages_(messages), digests_(digests) {}

  void run() {
    for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) {
      if (lanes_[lane].digest == nullptr) begin_next(lane);
    }
    while (busy_ > 0) {
      step();
      for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) finish_done(lane);
    }
  }

  // Blocks of some messages beside each extend, and the rest behind the last.
  void run_beside(const Extends& extends) {
    typename Hash::State pcr = {};
    for (std::size_t at = 0; at < Hash::kDigestBytes; at += sizeof(typename Hash::Word)) {
      pcr[at / sizeof(typename Hash::Word)] =
          load<typename Hash::Word>(extends.pcr.view().data() + at, ByteOrder::kBig);
    }
    for (std::size_t lane = 0; lane < Hash::kBesideExtend; ++lane) begin_next(lane);
    for (std::size_t i = 0; i < extends.digests.size(); ++i) {
      const std::byte* blocks[Hash::kBesideExtend];
      for (std::size_t lane = 0; lane < Hash::kBesideExtend; ++lane) blocks[lane] = next_block(lane);
      extends.after[i] = Digest(Hash::kDigestBytes);
      Hash::extend(pcr, extends.digests[i].view().data(), extends.after[i].data(), states_, blocks);
      for (std::size_t lane = 0; lane < Hash::kBesideExtend; ++lane) finish_done(lane);
      if (extends.meanwhile) extends.meanwhile();
    }
    run();
  }

 private:
  void begin_next(std::size_t lane) {
    if (begun_ == messages_.size()) return;
    const ByteView bytes = messages_[begun_];
    Message<Hash>& message = lanes_[lane];
    std::copy_n(Hash::kStart.begin(), Hash::kStart.size(), states_[lane]);
    message.next = bytes.data();
    message.whole = bytes.size() / Hash::kBlockBytes;
    pad(message.padding, bytes.subspan(message.whole * Hash::kBlockBytes), bytes.size());
    message.padded = 0;
    message.digest = &digests_[begun_];
    ++begun_;
    ++busy_;
  }

  const std::byte* next_block(std::size_t lane) {
    // A lane with nothing to do hashes anything.
    static constexpr std::array<std::byte, Hash::kBlockBytes> kNothing{};
    Message<Hash>& message = lanes_[lane];
    if (message.digest == nullptr) return kNothing.data();
    if (message.whole == 0) return message.padding.bytes.data() + message.padded++ * Hash::kBlockBytes;
    --message.whole;
    return std::exchange(message.next, message.next + Hash::kBlockBytes);
  }

  void step() {
    const std::byte* blocks[Hash::kLanes];
    for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) blocks[lane] = next_block(lane);
    Hash::compress_lanes(states_, blocks);
  }

  void finish_done(std::size_t lane) {
    Message<Hash>& message = lanes_[lane];
    if (message.digest == nullptr || !message.done()) return;
    put_digest<Hash>(states_[lane], *message.digest);
    message.digest = nullptr;
    --busy_;
    begin_next(lane);
  }

  const std::span<const ByteView> messages_;
  const std::span<Digest> digests_;
  std::size_t begun_ = 0;  // of messages_
  std::size_t busy_ = 0;   // lanes with a message
  Message<Hash> lanes_[Hash::kLanes];
  typename Hash::State states_[Hash::kLanes] = {};
};

}  // namespace

void hash_many(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests) {
  if (messages.size() == 1) {
    digests[0] = hash(algorithm, messages[0]);
    return;
  }
  if (algorithm == Algorithm::kSha1 && has_lanes(algorithm)) return Lanes<Sha1>(messages, digests).run();
  if (algorithm == Algorithm::kSha256 && has_lanes(algorithm)) return Lanes<Sha256>(messages, digests).run();
  if (algorithm == Algorithm::kSha384 && has_lanes(algorithm)) return Lanes<Sha384>(messages, digests).run();
  if (algorithm == Algorithm::kSha512 && has_lanes(algorithm)) return Lanes<Sha512>(messages, digests).run();
  for (std::size_t i = 0; i < messages.size(); ++i) digests[i] = hash(algorithm, messages[i]);
}

void extend_many(Algorithm algorithm, const Extends& extends) {
  hash_many_beside(algorithm, {}, {}, extends);
}

void hash_many_beside(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests,
                      const Extends& extends) {
  if (algorithm == Algorithm::kSha1 && has_lanes(algorithm)) return Lanes<Sha1>(messages, digests).run_beside(extends);
  if (algorithm == Algorithm::kSha256 && has_lanes(algorithm)) {
    return Lanes<Sha256>(messages, digests).run_beside(extends);
  }
  Digest pcr = extends.pcr;
  for (std::size_t i = 0; i < extends.digests.size(); ++i) {
    pcr = extends.after[i] = extend(algorithm, pcr, extends.digests[i]);
    if (extends.meanwhile) extends.meanwhile();
  }
  hash_many(algorithm, messages, digests);
}

}  // namespace imakeep::digest
