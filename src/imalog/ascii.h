// SPDX-License-Identifier: Apache-2.0
// imalog/ascii.h - the ASCII form of a record, byte for byte as Linux prints it.
//
//   line := pcr (at least two columns, padded with spaces)  ' '  digest in hex  ' '  template name  (' ' field)*  '\n'
//   field, by its id:
//     d, sig, buf, modsig, evmsig, xattrlengths, xattrvalues   hex
//     d-ng, d-ngv2, d-modsig    "ALG:" or "TYPE:ALG:" unchanged, then the digest in hex
//     n, n-ng, xattrnames       text up to the first NUL; IMA replaced spaces when it measured, but not newlines
//     iuid, igid, imode         decimal
//     of templates that mainline lacks: template_set.h
// An empty field prints only its space. If nobody described a template, or the data do not match the description, the
// data are printed as one field in hex; the kernel that knows the template prints them differently.
//
// Source: ima_ascii_measurements_show() in ima_fs.c and ima_show_template_*() in ima_template_lib.c.
// Threads: no shared state.
#pragma once

#include <string>

#include "imalog/template_set.h"

namespace imakeep::imalog {

// Appends one field as the line shows it, without the space before it; nothing for an empty field. False if a digest
// field has no "ALG:", or if a UUID does not have 16 bytes.
bool append_field(std::string& out, const FieldView& field, ByteOrder order = kHostOrder);

// Appends one line. kMalformed, with nothing appended, if the body does not split into the fields of a template of
// mainline Linux, or if a digest field of it has no "ALG:". Error::offset counts from the start of the body.
Result<void> append_ascii(std::string& out, const RecordContentView& content, ByteView digest,
                          ByteOrder order = kHostOrder, const TemplateSet& templates = TemplateSet::mainline());

}  // namespace imakeep::imalog
