// digest/sha_ni.h - the compression functions of SHA-1 and SHA-256 by the SHA extensions of x86.
//
// States are words of the host, eight of them, of which SHA-1 uses five; blocks are 64 bytes and need no alignment.
// Only for processors that have them: see kernel.h. Several messages at once take little longer than one: what one
// waits for, another uses. Source: FIPS 180-4, 6.1 and 6.2; Intel's manual of instructions, SHA1RNDS4 to SHA256RNDS2.
// Threads: no shared state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imakeep::digest::sha_ni {

inline constexpr std::size_t kLanes = 4;

// `count` blocks of one message, one behind the other.
void sha1(std::uint32_t* state, const std::byte* blocks, std::size_t count);
void sha256(std::uint32_t* state, const std::byte* blocks, std::size_t count);

// One block of each of two messages.
void sha256_pair(std::uint32_t (*states)[8], const std::byte* const* blocks);

// One block of each of kLanes messages.
void sha1_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks);
void sha256_lanes(std::uint32_t (*states)[8], const std::byte* const* blocks);

}  // namespace imakeep::digest::sha_ni
