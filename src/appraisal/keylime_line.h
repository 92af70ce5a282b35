// SPDX-License-Identifier: Apache-2.0
// appraisal/keylime_line.h - a line of IMA's ASCII list as Keylime reads it.
//
//   line   := pcr ' ' template_hash ' ' template ' ' rest          at most three splits at single spaces
//   rest   := digest ' ' name                                      ima, ima-ng
//           | digest ' ' name ' ' hex                              ima-sig (signature), ima-buf (buffer)
//   digest := algorithm ':' hex | hex of 20 bytes (sha1) | hex of 16 bytes (md5)
//
// Source: keylime/ima/ast.py at Keylime's commit 9b1f6e6a. Threads: plain values; no shared state.
#pragma once

#include <string>

#include "digest/digest.h"

namespace imakeep::appraisal {

struct KeylimeLine {
  enum class Template : std::uint8_t { kIma, kImaNg, kImaSig, kImaBuf };

  std::string pcr;
  Bytes template_hash;
  Template form = Template::kImaNg;
  std::string algorithm;  // not checked: any text
  Bytes digest;
  std::string name;
  Bytes signature;  // empty if the line has none, or one whose header does not announce its size
  Bytes buffer;

  // "sha256:HEX"
  std::string digest_text() const { return algorithm + ":" + to_hex(digest); }
};

// kMalformed for any other line; Keylime reports it as ima.parser.entry.
Result<KeylimeLine> parse_keylime_line(std::string_view line);

// The template data that Keylime rebuilds from the line, in order to hash them.
Bytes template_data(const KeylimeLine& line);

// A violation: all zeros of the size of `log_hash`.
bool is_violation(const KeylimeLine& line, digest::Algorithm log_hash);

}  // namespace imakeep::appraisal
