#include "digest/hash_many.h"

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
  void run(std::span<const ByteView> messages, std::span<Digest> digests) {
    std::size_t begun = 0;
    std::size_t busy = 0;
    for (std::size_t lane = 0; lane < Hash::kLanes && begun < messages.size(); ++lane, ++begun, ++busy) {
      begin(lane, messages[begun], digests[begun]);
    }
    while (busy > 0) {
      step();
      for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) {
        Message<Hash>& message = lanes_[lane];
        if (message.digest == nullptr || !message.done()) continue;
        *message.digest = digest_of<Hash>(states_[lane]);
        message.digest = nullptr;
        if (begun == messages.size()) {
          --busy;
        } else {
          begin(lane, messages[begun], digests[begun]);
          ++begun;
        }
      }
    }
  }

 private:
  void begin(std::size_t lane, ByteView bytes, Digest& digest) {
    Message<Hash>& message = lanes_[lane];
    std::copy_n(Hash::kStart.begin(), Hash::kStart.size(), states_[lane]);
    message.next = bytes.data();
    message.whole = bytes.size() / Hash::kBlockBytes;
    pad(message.padding, bytes.subspan(message.whole * Hash::kBlockBytes), bytes.size());
    message.padded = 0;
    message.digest = &digest;
  }

  // A block of each. A lane with nothing to do hashes anything.
  void step() {
    static constexpr std::array<std::byte, Hash::kBlockBytes> kNothing{};
    const std::byte* blocks[Hash::kLanes];
    for (std::size_t lane = 0; lane < Hash::kLanes; ++lane) {
      Message<Hash>& message = lanes_[lane];
      if (message.digest == nullptr) {
        blocks[lane] = kNothing.data();
      } else if (message.whole > 0) {
        blocks[lane] = message.next;
        message.next += Hash::kBlockBytes;
        --message.whole;
      } else {
        blocks[lane] = message.padding.bytes.data() + message.padded++ * Hash::kBlockBytes;
      }
    }
    Hash::compress_lanes(states_, blocks);
  }

  Message<Hash> lanes_[Hash::kLanes];
  typename Hash::State states_[Hash::kLanes] = {};
};

}  // namespace

void hash_many(Algorithm algorithm, std::span<const ByteView> messages, std::span<Digest> digests) {
  if (algorithm == Algorithm::kSha1 && has_lanes(algorithm)) return Lanes<Sha1>().run(messages, digests);
  if (algorithm == Algorithm::kSha256 && has_lanes(algorithm)) return Lanes<Sha256>().run(messages, digests);
  if (algorithm == Algorithm::kSha384 && has_lanes(algorithm)) return Lanes<Sha384>().run(messages, digests);
  if (algorithm == Algorithm::kSha512 && has_lanes(algorithm)) return Lanes<Sha512>().run(messages, digests);
  for (std::size_t i = 0; i < messages.size(); ++i) digests[i] = hash(algorithm, messages[i]);
}

}  // namespace imakeep::digest
