// SPDX-License-Identifier: Apache-2.0
// imalog/rtmr_file.h - reads the run-time measurement registers (RTMRs) of a TDX guest as PCR values of bank sha384.
//
//   FOLDER/rtmrN:sha384   48 bytes, binary; N is 0 to 3. FOLDER is /sys/class/misc/tdx_guest/measurements
//
//   RTMR 0   PCRs 1 and 7        RTMR 1   PCRs 2 to 6
//   RTMR 2   PCRs 8 to 15        RTMR 3   none; PCR 0 is in MRTD, which nobody extends
//
// A kernel with Intel's patches for IMA on TDX extends RTMR 2 instead of PCR 10. read_rtmrs() returns the value of an
// RTMR for every PCR that it represents. The value proves the records of a PCR only if nothing else was extended into
// the RTMR. Firmware and boot loaders do extend RTMR 2 before IMA begins (PCRs 8 and 9 are theirs): then a replay needs
// the value from before the first record. If records name several PCRs of one RTMR, the value matches none of them.
//
// Source: Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest of Linux 6.16; UEFI 2.10, table 38.4.1 (TPM
// PCR index and TDX measurement register), as in TdxLib's MapPcrToMrIndex() in EDK II; ima_extend_rtmr() of Intel's
// patches for "RTMR 2 is PCR 10". In their first version records name PCR 2 for RTMR 2: write such a value in a text
// file, as "sha384 2 HEX".
// Threads: no shared state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imalog/replay.h"

namespace imakeep::imalog {

// The RTMR that represents a PCR; empty for PCR 0 and for PCRs above 15.
std::optional<std::uint32_t> rtmr_of(std::uint32_t pcr);

// True if the path is a folder that contains RTMR files, or is such a file.
bool names_rtmrs(const std::string& path);

// Returns the PCRs of all RTMRs in a folder, or of the RTMR that a file's name tells, ordered by RTMR, then by PCR.
// REQUIRES: names_rtmrs(path). kMalformed, with the name of the file, if it does not have 48 bytes; kMalformed if no
// PCR is in the RTMRs; errors of read_file().
Result<std::vector<PcrValue>> read_rtmrs(const std::string& path);

}  // namespace imakeep::imalog
