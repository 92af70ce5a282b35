// imalog/ascii.h - the ASCII form of a record, byte for byte as Linux prints it.
//
//   line := pcr (at least two columns, padded with spaces)  ' '  digest in hex  ' '  template name  (' ' field)*  '\n'
//   field, by its id:
//     d, sig, buf, modsig, evmsig, xattrlengths, xattrvalues   hex
//     d-ng, d-ngv2, d-modsig    "ALG:" or "TYPE:ALG:" as it stands, then the digest in hex
//     n, n-ng, xattrnames       text up to the first NUL; spaces were replaced when it was measured, newlines were not
//     iuid, igid, imode         decimal
// An empty field prints its space only. A template that Linux does not know never reaches its list; here its data
// is printed as one field in hex.
//
// Source: ima_ascii_measurements_show() in ima_fs.c and ima_show_template_*() in ima_template_lib.c.
// Threads: no shared state.
#pragma once

#include <string>

#include "imalog/template.h"

namespace imakeep::imalog {

// Appends one field as the line shows it, without the space before it; nothing for an empty one. False if a digest
// field lacks its "ALG:".
bool append_field(std::string& out, const FieldView& field, ByteOrder order = kHostOrder);

// Appends one line. kMalformed, with nothing appended, if the body does not split into the template's fields or a
// digest field lacks its "ALG:"; Error::offset counts from the start of the body.
Result<void> append_ascii(std::string& out, const RecordContentView& content, ByteView digest,
                          ByteOrder order = kHostOrder);

}  // namespace imakeep::imalog
