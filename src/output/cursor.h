// SPDX-License-Identifier: Apache-2.0
// output/cursor.h - the place in an archive up to which somebody has the records, as a file.
//
//   {"imakeep_cursor":1,"chain":C,"next":N,"state":HEX}
// N is the number of the next record of chain C. `state` is the SHA-256 of the PCR values that a replay of the records
// before N gives in one bank. It depends on each of these records, so a cursor fits no other archive and no other
// chain. Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "archive/archive.h"

namespace imakeep::output {

struct Cursor {
  archive::ChainId chain = {};
  std::uint64_t next = 0;
  Bytes state;

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// The cursor before record `next`, which the archive must hold, or which is the chain's end. Errors: those of
// Archive::state_at().
Result<Cursor> cursor_at(archive::Archive& archive, const archive::Chain& chain, std::uint64_t next);

// Empty if the file does not exist or is empty. kMalformed if it is no cursor.
Result<std::optional<Cursor>> read_cursor(const std::string& path);
// Replaces the file; a reader finds the old or the new cursor. kUsage if the file is something else.
Result<void> write_cursor(const std::string& path, const Cursor& cursor);

// The chain of the cursor. kMismatch if the archive is another one, or if records after the cursor were retired before
// anybody had them; the message names `path`. Other errors: the archive's.
Result<archive::Chain> chain_of_cursor(archive::Archive& archive, const Cursor& cursor, const std::string& path);

}  // namespace imakeep::output
