// SPDX-License-Identifier: Apache-2.0
// output/query_report.h - answers a question about the records of an archive: lists them, or counts them.
//
// As text, a record is a line: CHAIN NUMBER TIME PCR TEMPLATE DIGEST NAME, with "-" for what the record does not say.
// TIME is when it was archived at the earliest. As JSON it is an object a line.
// Threads: no shared state; answer() uses the archive and the sink in its caller's thread.
#pragma once

#include <string>
#include <vector>

#include "output/record_feed.h"
#include "query/counts.h"
#include "query/walk.h"

namespace imakeep::output {

// As given by a person. What is empty is no condition.
struct QueryRequest {
  std::optional<archive::ChainId> chain;  // else all
  std::vector<std::string> paths;         // shell patterns
  std::vector<std::string> digests;       // ALG:HEX or HEX
  std::vector<std::string> templates;     // names
  std::vector<std::string> pcrs;          // numbers
  std::string since;                      // as query::parse_time() takes it
  std::string until;
  bool first_seen = false;
  bool violations = false;
  query::RecordFilter* filter = nullptr;  // a further condition; borrowed
  std::string count_by;                   // one of query::count_by_names(); empty: list the records
  std::uint64_t top = 0;                  // print so many counts at most; 0: all
  bool json = false;
  std::string descriptions;  // of templates, as TemplateSet::parse() takes them
};

// Returns false if records could not be read, which the sink reports. kUsage for a request that cannot be understood;
// kUnsupported if there is too much to count; the errors of the filter and of the sink; the store's, except damage.
Result<bool> answer(archive::Archive& archive, const QueryRequest& request, std::int64_t now_s, FeedSink& sink);

}  // namespace imakeep::output
