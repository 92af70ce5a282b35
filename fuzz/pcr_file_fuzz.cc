// SPDX-License-Identifier: Apache-2.0
// Input: the text of a PCR file.
#include "fuzz/require.h"
#include "imalog/pcr_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace imakeep;
  const auto values = imalog::parse_pcr_file(as_text(std::as_bytes(std::span(data, size))));
  if (!values) {
    fuzz::require(values.error().code == ErrorCode::kMalformed || values.error().code == ErrorCode::kUsage,
                  "an error of parse_pcr_file()");
    return 0;
  }
  fuzz::require(!values->empty(), "a file that is taken has a value");
  std::string text;
  for (const imalog::PcrValue& value : *values) {
    fuzz::require(value.pcr < imalog::kPcrCount, "the PCR is one that a TPM has");
    fuzz::require(value.value.size() == value.bank.digest_bytes(), "the value has its bank's size");
    text += value.bank.spec() + " " + std::to_string(value.pcr) + " " + to_hex(value.value.view()) + "\n";
  }
  const auto again = imalog::parse_pcr_file(text);
  fuzz::require(again && again->size() == values->size(), "what is taken can be written and taken again");
  for (std::size_t i = 0; i < values->size(); ++i) {
    const auto& a = (*values)[i];
    const auto& b = (*again)[i];
    fuzz::require(a.bank == b.bank && a.pcr == b.pcr && a.value == b.value, "and is the same");
  }
  return 0;
}
