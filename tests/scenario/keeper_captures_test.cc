// SPDX-License-Identifier: Apache-2.0
// The keeper on what a real Linux measured: the captures' records come in as they came there, with the same requests
// and the same kexec between, and the archive has to be the joined log, byte for byte in every bank.
#include <gmock/gmock.h>

#include "archive/archive_reader.h"
#include "scenario/keeper_world.h"

namespace imakeep::keeper::test {
namespace {

using imalog::test::captured_pcrs;
using imalog::test::kCapturedBanks;
using imalog::test::whole_log;
using mlist::test::must;

std::vector<Content> contents_of_log(std::string_view name) {
  const digest::Bank bank = mlist::test::bank("sha256");
  const Bytes list = whole_log(name, bank);
  std::vector<Content> contents;
  for (const imalog::RecordView& record : imalog::test::records_of(list, imalog::test::format_of(bank))) {
    const auto content = record.content();
    contents.push_back({.pcr = content.pcr,
                        .template_name = std::string(content.template_name),
                        .body = Bytes(content.body.begin(), content.body.end()),
                        .violation = content.violation});
  }
  return contents;
}

class Captures : public testing::TestWithParam<Method> {
 protected:
  void begin(std::string_view name, mlist::TableMode table = mlist::TableMode::kKept) {
    log_ = contents_of_log(name);
    machine_ = std::make_unique<Machine>(MachineOptions{.banks = std::string(kCapturedBanks), .table = table});
    keeper_ = std::make_unique<KeeperProcess>(*machine_, KeeperOptions{.method = GetParam()});
  }
  void measure(std::size_t records) {
    for (std::size_t i = 0; i < records; ++i) {
      ASSERT_LT(measured_, log_.size());
      ASSERT_TRUE(machine_->add(log_[measured_++])) << measured_;
    }
  }
  void expect_pcrs(std::string_view folder) {
    for (const imalog::PcrValue& value : captured_pcrs(folder)) {
      const auto& banks = machine_->pcrs->banks();
      const auto bank = static_cast<std::size_t>(std::ranges::find(banks, value.bank) - banks.begin());
      EXPECT_EQ(must(machine_->pcrs->read(10))[bank], value.value) << folder << " " << value.bank.name();
    }
  }
  void expect_archive(std::string_view name) {
    ASSERT_EQ(measured_, log_.size());
    const FollowResult followed = must(keeper_->keeper().follow());
    EXPECT_TRUE(followed.proven);
    EXPECT_THAT(followed.found, testing::IsEmpty());
    const auto chains = must(keeper_->archive().chains());
    ASSERT_EQ(chains.size(), 1u);
    for (const digest::Bank& bank : mlist::test::banks(kCapturedBanks)) {
      Bytes joined;
      archive::ArchiveReader reader(keeper_->store, chains[0], 0, chains[0].end);
      for (auto step = must(reader.next()); step.record; step = must(reader.next())) {
        const auto& record = step.record->record;
        imalog::encode_record(joined, record.content, archive::shown_digest(bank, record).view());
      }
      EXPECT_EQ(joined, whole_log(name, bank)) << bank.name();
    }
  }

  std::vector<Content> log_;
  std::size_t measured_ = 0;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<KeeperProcess> keeper_;
};

TEST_P(Captures, Staging) {
  begin("staging");
  measure(51);
  expect_pcrs("staging/0-before");
  must(keeper_->keeper().trim());
  measure(7);
  must(keeper_->keeper().trim());
  measure(73);
  must(keeper_->keeper().follow());
  must(keeper_->keeper().trim());
  expect_pcrs("staging/6-final");
  expect_archive("staging");
  EXPECT_EQ(machine_->in_list(), GetParam() == Method::kStage ? 0u : 1u);
}

TEST_P(Captures, StagedBySomebodyElse) {
  begin("staging");
  measure(51);
  must(keeper_->keeper().follow());
  ASSERT_TRUE(machine_->other(ListPart::kStaged, "A\n"));
  measure(40);
  must(keeper_->keeper().trim());
  measure(40);
  expect_archive("staging");
}

TEST_P(Captures, Kexec) {
  begin("kexec");
  measure(54);
  must(keeper_->keeper().trim());
  measure(40);
  ASSERT_TRUE(machine_->other(ListPart::kStaged, "A\n"));
  measure(40);
  must(keeper_->keeper().follow());
  keeper_->kill();
  machine_->kexec_as_captured();
  keeper_->start();
  measure(68);
  expect_pcrs("kexec/second");
  expect_archive("kexec");
}

INSTANTIATE_TEST_SUITE_P(Keeper, Captures, testing::Values(Method::kStage, Method::kCount),
                         [](const auto& param_of) { return param_of.param == Method::kStage ? "Stage" : "Count"; });

class FlushedCapture : public Captures {};

// Records that the flushed table measured again are kept as often as they came.
TEST_P(FlushedCapture, Flush) {
  begin("flush", mlist::TableMode::kFlushed);
  for (const std::size_t group : {51u, 45u, 45u}) {
    measure(group);
    EXPECT_EQ(must(keeper_->keeper().trim()).records, group);
  }
  measure(45);
  expect_pcrs("flush/4-final");
  expect_archive("flush");
}

INSTANTIATE_TEST_SUITE_P(Keeper, FlushedCapture, testing::Values(Method::kAuto, Method::kStage),
                         [](const auto& param_of) { return param_of.param == Method::kStage ? "Stage" : "Auto"; });

}  // namespace
}  // namespace imakeep::keeper::test
