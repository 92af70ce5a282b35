#include "digest/hash_many.h"

#include <bit>

#include "digest/block_hash.h"
#include "digest/kernel.h"

namespace imakeep::digest {
namespace {

// From so many on they are worth sixteen lanes.
constexpr std::size_t kManyMessages = 12;

// A message on its way through a lane: whole blocks where they lie, then the padded rest.
template <class Hash>
struct Message {
  Padding<Hash> padding;
  const std::byte* next = padding.bytes();  // a lane with nothing to do hashes anything
  std::size_t left = 0;                     // blocks from `next` on, of which the last are the padding
  Digest* digest = nullptr;                 // empty: nothing is on its way

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

  // Blocks of some messages beside each extend. Gives how many messages were hashed: the rest is left.
  std::size_t run_beside(const Extends& extends)
    requires requires { Hash::kBesideExtend; }
  {
    for (std::size_t lane = 0; lane < Hash::kBesideExtend; ++lane) begin_next(lane);
    extend_each(extends, [&](auto& pcr, const std::byte* digest, std::byte* after) {
      const std::byte* blocks[Hash::kBesideExtend];
      for (std::size_t lane = 0; lane < Hash::kBesideExtend; ++lane) blocks[lane] = next_block(lane);
      Hash::extend(pcr, digest, after, states_, blocks);
      finish_done(Hash::kBesideExtend);
    });
    messages_ = messages_.first(begun_);
    run();
    return begun_;
  }

  // A part of the rounds of a block of many messages beside each extend. None is left.
  std::size_t run_beside(const Extends& extends) {
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
    // A block for which the extends were too few is done again: that is simpler than the parts alone.
    if (part > 0) {
      Hash::compress_lanes(states_, blocks);
      finish_done(Hash::kLanes);
    }
    run();
    return messages_.size();
  }

 private:
  // `extend`(words of the PCR, digest, where its value after that goes)
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

  // Without branches, which lanes with messages of different lengths would not let the processor foretell.
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

  // Takes the digests of messages that are done, and the next messages in their place.
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
  std::size_t begun_ = 0;  // of messages_
  std::size_t busy_ = 0;   // lanes with a message
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

// Few messages leave most of many lanes empty.
bool is_wide(std::size_t messages) {
  return kernel() == Kernel::kAvx512 && messages >= kManyMessages;
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
  hash_many_beside(algorithm, {}, {}, extends);
}

void hash_many_beside(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests,
                      const Extends& extends) {
  const bool wide = is_wide(messages.size());
  std::size_t hashed = 0;
  if (algorithm == Algorithm::kSha1 && has_lanes(algorithm)) {
    hashed = wide ? Lanes<Sha1Avx512>(messages, digests).run_beside(extends)
                  : Lanes<Sha1Ni>(messages, digests).run_beside(extends);
  } else if (algorithm == Algorithm::kSha256 && has_lanes(algorithm)) {
    hashed = wide ? Lanes<Sha256Avx512>(messages, digests).run_beside(extends)
                  : Lanes<Sha256Ni>(messages, digests).run_beside(extends);
  } else {
    extend_each(algorithm, extends);
  }
  hash_many(algorithm, messages.subspan(hashed), digests.subspan(hashed));
}

}  // namespace imakeep::digest
