// SPDX-License-Identifier: Apache-2.0
// base/base64.h - base64 with padding (RFC 4648, section 4) and base64url without (section 5). from_base64() is in
// bytes.h.
//
// Threads: no shared state.
#pragma once

#include "base/bytes.h"

namespace imakeep {

std::string to_base64(ByteView bytes);
std::string to_base64url(ByteView bytes);

// The counterpart of from_base64(): decodes base64url without padding. kMalformed for any other text, also if unused
// bits of the last digit are set.
Result<Bytes> from_base64url(std::string_view text);

}  // namespace imakeep
