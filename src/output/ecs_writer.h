// SPDX-License-Identifier: Apache-2.0
// output/ecs_writer.h - prints records as Elastic Common Schema, one JSON object a line, for a SIEM.
//
// docs/reference/ecs.md has the fields. To say whether a digest is new, the writer learns the digests of every earlier
// record that the archive holds, once: memory as in query/digest_set.h.
// Threads: an object belongs to one thread at a time.
#pragma once

#include "output/record_writer.h"

namespace imakeep::output {

// `bank` is that of the template digest shown.
std::unique_ptr<RecordWriter> make_ecs_writer(const digest::Bank& bank, const imalog::TemplateSet& templates);

}  // namespace imakeep::output
