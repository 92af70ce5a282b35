// imalog/pcr_file.h - reads and writes PCR values as text.
//
//   line := ALG ' ' HEX              IMA's PCR
//         | ALG ' ' INDEX ' ' HEX
// Blanks are spaces or tabs, hex in either case. Empty lines and lines that begin with '#' are skipped.
// Threads: no shared state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "imalog/replay.h"

namespace imakeep::imalog {

inline constexpr std::uint32_t kImaPcr = 10;  // CONFIG_IMA_MEASURE_PCR_IDX

// kMalformed for a line of another form, a digest of the wrong length or a PCR named twice; kUsage for an unknown bank.
// The message names the line. An empty text is kMalformed.
Result<std::vector<PcrValue>> parse_pcr_file(std::string_view text, std::uint32_t ima_pcr = kImaPcr);

// The same of a file. Errors name it; beside parse_pcr_file()'s, those of read_file().
Result<std::vector<PcrValue>> read_pcr_file(const std::string& path, std::uint32_t ima_pcr = kImaPcr);

// "ALG INDEX HEX" a line, for every PCR that was touched.
std::string format_pcrs(const PcrState& state);

}  // namespace imakeep::imalog
