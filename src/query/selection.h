// SPDX-License-Identifier: Apache-2.0
// query/selection.h - which records of an archive a question is about.
//
// Threads: a Selection is a plain value.
#pragma once

#include <string>
#include <vector>

#include "archive/archive_reader.h"
#include "query/digest_set.h"
#include "query/record_facts.h"
#include "query/record_times.h"

namespace imakeep::query {

// A digest to look for. Without an algorithm, any digest with these bytes.
struct WantedDigest {
  std::string algorithm;
  Bytes digest;
};

// "sha256:HEX" or "HEX", whole. kUsage: no hexadecimal, fewer than 16 bytes or an algorithm of another size.
Result<WantedDigest> parse_wanted_digest(std::string_view text);

// A record with what is known of it. Borrowed like RecordContentView.
struct SeenRecord {
  archive::ChainId chain = {};
  ByteOrder order = kHostOrder;
  archive::NumberedRecord numbered;
  RecordFactsView facts;
  ArchivedBetween between;
  Sight sight = Sight::kNone;
};

// Every condition that is given must hold. A list that is empty is no condition; of one that is not empty one element
// must fit.
struct Selection {
  // Shell patterns (fnmatch): * and ? match slashes too. They must match the whole name.
  std::vector<std::string> paths;
  std::vector<WantedDigest> digests;
  std::vector<std::string> templates;
  std::vector<std::uint32_t> pcrs;
  std::optional<std::int64_t> since_s;  // records that can have been archived at this time or later
  std::optional<std::int64_t> until_s;  // and at this time or earlier
  bool first_seen = false;              // digests that no earlier record of the archive has, as far as is known
  bool violations = false;

  bool fits(const SeenRecord& record) const;
};

}  // namespace imakeep::query
