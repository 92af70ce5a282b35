// SPDX-License-Identifier: Apache-2.0
// replay.cc - prints the PCR values that a saved binary measurement list leads to, as `imakeep verify` reads them.
//
//   replay FILE      FILE is a copy of binary_runtime_measurements; its digests are sha1's
#include "imalog/replay.h"

#include <cstdio>

#include "base/file.h"
#include "imalog/pcr_file.h"

int main(int argc, char** argv) {
  using namespace imakeep;
  if (argc != 2) return std::fputs("usage: replay FILE\n", stderr), 2;
  const auto list = read_file(argv[1]);
  const auto banks = digest::parse_banks("sha1,sha256");
  imalog::Replay replay{imalog::PcrState(*banks)};
  const auto replayed = list ? replay.add_list(*list, banks->front()) : Result<void>(unexpected(list.error()));
  if (!replayed) return std::fprintf(stderr, "%s: %s\n", argv[1], describe(replayed.error()).c_str()), 1;
  std::fputs(imalog::format_pcrs(replay.state()).c_str(), stdout);
}
