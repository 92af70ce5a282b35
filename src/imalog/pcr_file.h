// SPDX-License-Identifier: Apache-2.0
// imalog/pcr_file.h - reads and writes PCR values as text.
//
//   line := ALG ' ' HEX              IMA's PCR
//         | ALG ' ' INDEX ' ' HEX
//         | ALG ':'                  a heading as tpm2_pcrread prints it: the bank for lines of the next form
//         | INDEX ':' HEX
//         | "PCR-" INDEX ':' HEX     the form that evmctl --pcrs accepts, with or without blanks between the bytes
//         | "PCR " INDEX ':' HEX     the same
// Blanks are spaces or tabs. HEX is in either case, with or without "0x" before it. The parser skips empty lines, lines
// that begin with '#', and a UTF-8 byte order mark before the first line. The forms may be mixed.
//
// A line of the last two forms names no bank. The size of its digest determines the bank: 20 bytes are sha1, 32 sha256,
// 48 sha384, 64 sha512. So these forms cannot give the PCRs of sm3, of SHA-3 or of a padded bank. If the text also
// names another bank of the same digest size, the parser refuses the text, because the line may mean that bank.
//
// Source: pcr_print_values() of tpm2-tools 5.4; read_one_bank() in src/evmctl.c of ima-evm-utils 1.4.
// Threads: no shared state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "imalog/replay.h"

namespace imakeep::imalog {

inline constexpr std::uint32_t kImaPcr = 10;  // CONFIG_IMA_MEASURE_PCR_IDX

// kMalformed for a line of another form, a digest of the wrong length, a PCR named twice, and a line without a bank
// that may mean several banks; kUsage for an unknown bank. The message names the line. A text without a PCR and a
// binary file are kMalformed.
Result<std::vector<PcrValue>> parse_pcr_file(std::string_view text, std::uint32_t ima_pcr = kImaPcr);

// The same for a file; calls read_rtmrs() if names_rtmrs(path). Errors name the file: those of parse_pcr_file() and of
// read_file().
Result<std::vector<PcrValue>> read_pcr_file(const std::string& path, std::uint32_t ima_pcr = kImaPcr);

// One line "ALG INDEX HEX" for every touched PCR.
std::string format_pcrs(const PcrState& state);

}  // namespace imakeep::imalog
