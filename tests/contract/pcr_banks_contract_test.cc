// SPDX-License-Identifier: Apache-2.0
// Runs the contract of contract/pcr_banks_contract.h on every version of tpm::PcrBanks.
#include "contract/pcr_banks_contract.h"

#include <filesystem>
#include <fstream>

#include <boost/algorithm/string/case_conv.hpp>
#include <gtest/gtest.h>

#include "support/scratch_directory.h"
#include "support/swtpm.h"
#include "tpm/esys/esys_pcr_banks.h"
#include "tpm/faulty/faulty_pcr_banks.h"
#include "tpm/soft/soft_pcr_banks.h"
#include "tpm/sysfs/sysfs_pcr_banks.h"

namespace imakeep::test {
namespace {

const std::vector<digest::Bank> kBanks = *digest::parse_banks("sha1,sha256,sha512");

struct SoftSubject {
  static const char* missing() { return nullptr; }
  tpm::PcrBanks& pcrs() { return soft; }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) { return soft.extend(pcr, digests); }

  tpm::SoftPcrBanks soft{digest::PcrState(kBanks)};
};

struct FaultySubject {
  static const char* missing() { return nullptr; }
  tpm::PcrBanks& pcrs() { return faulty; }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
    return faulty.extend(pcr, digests);
  }

  tpm::SoftPcrBanks soft{digest::PcrState(kBanks)};
  tpm::FaultyPcrBanks faulty{soft};
};

// A folder that holds the files which Linux would show of a TPM.
struct SysfsSubject {
  static const char* missing() { return nullptr; }
  SysfsSubject() {
    for (std::uint32_t pcr = 0; pcr < digest::kPcrCount; ++pcr) write(pcr);
    sysfs = std::move(*tpm::SysfsPcrBanks::open(folder));
  }

  tpm::PcrBanks& pcrs() { return *sysfs; }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) {
    IMAKEEP_CHECK(tpm.extend(pcr, digests));
    write(pcr);
    return {};
  }
  void write(std::uint32_t pcr) {
    const auto values = *tpm.read(pcr);
    for (std::size_t i = 0; i < kBanks.size(); ++i) {
      const std::string bank = folder + "/pcr-" + kBanks[i].name();
      std::filesystem::create_directory(bank);
      std::ofstream(bank + "/" + std::to_string(pcr)) << boost::to_upper_copy(to_hex(values[i].view())) << '\n';
    }
  }

  tpm::SoftPcrBanks tpm{digest::PcrState(kBanks)};
  const test::ScratchDirectory directory;
  const std::string folder = directory.path();
  std::unique_ptr<tpm::SysfsPcrBanks> sysfs;
};

struct EsysSubject {
  static const char* missing() { return Swtpm::installed() ? nullptr : Swtpm::kNotInstalled; }
  tpm::PcrBanks& pcrs() { return *esys; }
  Result<void> extend(std::uint32_t pcr, std::span<const digest::Digest> digests) { return esys->extend(pcr, digests); }

  std::unique_ptr<Swtpm> swtpm = Swtpm::start().value();
  std::unique_ptr<tpm::EsysPcrBanks> esys = tpm::EsysPcrBanks::open(swtpm->tcti()).value();
};

INSTANTIATE_TYPED_TEST_SUITE_P(Soft, PcrBanksReadContract, SoftSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Soft, PcrBanksExtendContract, SoftSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Faulty, PcrBanksReadContract, FaultySubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Faulty, PcrBanksExtendContract, FaultySubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Sysfs, PcrBanksReadContract, SysfsSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Esys, PcrBanksReadContract, EsysSubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Esys, PcrBanksExtendContract, EsysSubject);

TEST(SysfsPcrBanks, SayThatTheyCannotBeExtended) {
  SysfsSubject subject;
  const auto extended = subject.pcrs().extend(10, digests_for(kBanks, 1));
  ASSERT_FALSE(extended);
  EXPECT_EQ(extended.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(*subject.pcrs().read(10), values_after(kBanks, {}));
}

}  // namespace
}  // namespace imakeep::test
