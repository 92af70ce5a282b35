// SPDX-License-Identifier: Apache-2.0
// appraisal/file_signatures.h - what the signatures in one record say about its file, in mode strict.
//
// A record may have a signature in field sig, a portable signature in field evmsig, and an appended one in field
// modsig. One that a key of the keyrings made is enough. A portable signature is over metadata: it says something about
// the content only if its attribute security.ima states the record's file digest, or is a signature over that digest.
// Source: docs/formats/ima-signature.md. Threads: no shared state.
#pragma once

#include <optional>
#include <string>

#include "appraisal/reason.h"
#include "appraisal/record_fields.h"
#include "signature/check.h"

namespace imakeep::appraisal {

struct FileSignatures {
  std::optional<Rule> verified;               // by which signature
  Reason reason = Reason::kSignatureMissing;  // otherwise
  std::string detail;                         // otherwise: a sentence without a full stop, or empty
};

FileSignatures check_file_signatures(const RecordFields& fields, const signature::FileDigestView& digest,
                                     ByteOrder order, const signature::Keyrings& keyrings,
                                     const signature::CheckOptions& options);

}  // namespace imakeep::appraisal
