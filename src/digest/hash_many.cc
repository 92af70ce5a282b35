// SPDX-License-Identifier: Apache-2.0
#include "digest/hash_many.h"

#include <bit>

#include "digest/block_hash.h"
#include "digest/implementation.h"

namespace imakeep::digest {
namespace {

// From this number of messages on, sixteen lanes are worthwhile.
constexpr std::size_t kManyMessages = 12;

// The state of a message in a lane: first its whole blocks in place, then its padded rest.
template <class Hash>
struct Message {
  Padding<Hash> padding;
  const std::byte* next = padding.bytes();  // a lane without a message hashes arbitrary bytes
  std::size_t left = 0;                     // count of blocks from `next` on, including the padding
  Digest* digest = nullptr;                 // null: the lane has no message

  bool done() const { return left == 0 && digest != nullptr; }
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
      finish_done(Hash::kLanes);
    }
  }

  // Processes blocks of some messages together with each extend. Returns the count of messages that were hashed; the
  // caller hashes the rest.
  std::size_t run_together(const Extends& extends)
    requires requires { Hash::kWithExtend; }
  {
    for (std::size_t lane = 0; lane < Hash::kWithExtend; ++lane) begin_next(lane);
    extend_each(extends, [&](auto& pcr, const std::byte* digest, std::byte* after) {
      const std::byte* blocks[Hash::kWithExtend];
      for (std::size_t lane = 0; lane < Hash::kWithExtend; ++lane) blocks[lane] = next_block(lane);
      Hash::extend(pcr, digest, after, states_, blocks);
      finish_done(Hash::kWithExtend);
    });
    messages_ = messages_.first(begun_);
    run();
    return begun_;
  }

  // Carries out a part of a block's rounds, for many messages, together with each extend. Hashes all messages.
  std::size_t run_together(const Extends& extends) {
    for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) begin_next(lane);
    avx512::Work work;
    const std::byte* blocks[Hash::kLanes];
    std::size_t part = 0;
    extend_each(extends, [&](auto& pcr, const std::byte* digest, std::byte* after) {
      if (busy_ == 0) return Hash::extend(pcr, digest, after, work, avx512::kParts);
      if (part == 0) {
        for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) blocks[lane] = next_block(lane);
        avx512::begin_block(work, states_, blocks);
      }
      Hash::extend(pcr, digest, after, work, part);
      if (++part < avx512::kParts) return;
      part = 0;
      avx512::finish_block(work, states_);
      finish_done(Hash::kLanes);
    });
    // If the extends end within a block, compute the whole block again: that is simpler than only the missing parts.
    if (part > 0) {
      Hash::compress_lanes(states_, blocks);
      finish_done(Hash::kLanes);
    }
    run();
    return messages_.size();
  }

 private:
  // Calls `extend`(words of the PCR, digest, destination of the new value) for each digest.
  static void extend_each(const Extends& extends, const auto& extend) {
    typename Hash::State pcr = {};
    for (std::size_t at = 0; at < Hash::kDigestBytes; at += sizeof(typename Hash::Word)) {
      pcr[at / sizeof(typename Hash::Word)] =
          load<typename Hash::Word>(extends.pcr.view().data() + at, ByteOrder::kBig);
    }
    for (std::size_t i = 0; i < extends.digests.size(); ++i) {
      extends.after[i] = Digest(Hash::kDigestBytes);
      extend(pcr, extends.digests[i].view().data(), extends.after[i].data());
      if (extends.meanwhile) extends.meanwhile();
    }
  }

  void begin_next(std::size_t lane) {
    if (begun_ == messages_.size()) return;
    const ByteView bytes = messages_[begun_];
    Message<Hash>& message = lanes_[lane];
    for (std::size_t i = 0; i < Hash::kStart.size(); ++i) Hash::word(states_, lane, i) = Hash::kStart[i];
    const std::size_t whole = bytes.size() / Hash::kBlockBytes;
    pad(message.padding, bytes, bytes.size());
    message.next = whole > 0 ? bytes.data() : message.padding.bytes();
    message.left = whole + message.padding.blocks;
    message.digest = &digests_[begun_];
    ++begun_;
    ++busy_;
  }

  // Has no branches: with messages of different lengths the processor could not predict them.
  const std::byte* next_block(std::size_t lane) {
    Message<Hash>& message = lanes_[lane];
    const std::byte* const block = message.next;
    message.left -= message.left > 0 ? 1 : 0;
    message.next = message.left == message.padding.blocks ? message.padding.bytes() : block + Hash::kBlockBytes;
    return block;
  }

  void step() {
    const std::byte* blocks[Hash::kLanes];
    for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) blocks[lane] = next_block(lane);
    Hash::compress_lanes(states_, blocks);
  }

  // Stores the digests of finished messages, and begins the next messages in their lanes.
  void finish_done(std::size_t lanes) {
    std::uint32_t done = 0;
    for (std::size_t lane = 0; lane < lanes; ++lane) done |= std::uint32_t{lanes_[lane].done()} << lane;
    for (; done != 0; done &= done - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(done));
      Message<Hash>& message = lanes_[lane];
      put_digest<Hash>([&](std::size_t i) { return Hash::word(states_, lane, i); }, *message.digest);
      message.digest = nullptr;
      message.padding.blocks = 0;
      message.next = message.padding.bytes();
      --busy_;
      begin_next(lane);
    }
  }

  std::span<const ByteView> messages_;
  const std::span<Digest> digests_;
  std::size_t begun_ = 0;  // index into messages_ of the next message
  std::size_t busy_ = 0;   // count of lanes with a message
  Message<Hash> lanes_[Hash::kLanes];
  alignas(64) typename Hash::States states_ = {};
};

void extend_each(Algorithm algorithm, const Extends& extends) {
  Digest pcr = extends.pcr;
  for (std::size_t i = 0; i < extends.digests.size(); ++i) {
    pcr = extends.after[i] = extend(algorithm, pcr, extends.digests[i]);
    if (extends.meanwhile) extends.meanwhile();
  }
}

// With few messages, most of the many lanes would be empty.
bool is_wide(std::size_t messages) {
  return implementation() == Implementation::kAvx512 && messages >= kManyMessages;
}

}  // namespace

void hash_many(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests) {
  const bool wide = is_wide(messages.size());
  if (messages.size() > 1 && has_lanes(algorithm)) {
    switch (algorithm) {
      case Algorithm::kSha1:
        return wide ? Lanes<Sha1Avx512>(messages, digests).run() : Lanes<Sha1Ni>(messages, digests).run();
      case Algorithm::kSha256:
        return wide ? Lanes<Sha256Avx512>(messages, digests).run() : Lanes<Sha256Ni>(messages, digests).run();
      case Algorithm::kSha384:
        return wide ? Lanes<WideAvx512<Sha384>>(messages, digests).run()
                    : Lanes<WideAvx2<Sha384>>(messages, digests).run();
      case Algorithm::kSha512:
        return wide ? Lanes<WideAvx512<Sha512>>(messages, digests).run()
                    : Lanes<WideAvx2<Sha512>>(messages, digests).run();
      default:
        break;
    }
  }
  for (std::size_t i = 0; i < messages.size(); ++i) digests[i] = hash(algorithm, messages[i]);
}

void extend_many(Algorithm algorithm, const Extends& extends) {
  hash_many_together(algorithm, {}, {}, extends);
}

void hash_many_together(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests,
                        const Extends& extends) {
  const bool wide = is_wide(messages.size());
  std::size_t hashed = 0;
  if (algorithm == Algorithm::kSha1 && has_lanes(algorithm)) {
    hashed = wide ? Lanes<Sha1Avx512>(messages, digests).run_together(extends)
                  : Lanes<Sha1Ni>(messages, digests).run_together(extends);
  } else if (algorithm == Algorithm::kSha256 && has_lanes(algorithm)) {
    hashed = wide ? Lanes<Sha256Avx512>(messages, digests).run_together(extends)
                  : Lanes<Sha256Ni>(messages, digests).run_together(extends);
  } else {
    extend_each(algorithm, extends);
  }
  hash_many(algorithm, messages.subspan(hashed), digests.subspan(hashed));
}

}  // namespace imakeep::digest
