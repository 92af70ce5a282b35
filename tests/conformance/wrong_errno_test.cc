// SPDX-License-Identifier: Apache-2.0
// A list with one deliberately wrong errno: the conformance checks must fail for exactly that one, and for none without
// it.
#include <unistd.h>

#include <cerrno>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conformance/conformance.h"
#include "imalog/template_data.h"
#include "listfs/libfuse/mount.h"
#include "listfs/list_file.h"
#include "mlist/measurement_list.h"
#include "tpm/soft/soft_pcr_banks.h"

namespace imakeep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Fault {
  std::string request;  // what is written
  int right = 0;        // the errno that is replaced, 0 for none
  int wrong = 0;
};

// Answers as the file inside does, but for the fault.
class FaultyFile : public listfs::OpenFile {
 public:
  FaultyFile(std::unique_ptr<listfs::OpenFile> inside, const Fault& fault)
      : inside_(std::move(inside)), fault_(fault) {}

  Result<Bytes> read(std::uint64_t offset, std::size_t count) override { return inside_->read(offset, count); }
  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    auto written = inside_->write(offset, bytes);
    if (!written && bytes == fault_.request && written.error().os_errno == fault_.right) {
      written.error().os_errno = fault_.wrong;
    }
    return written;
  }

 private:
  std::unique_ptr<listfs::OpenFile> inside_;
  const Fault& fault_;
};

class FaultyFiles : public listfs::FileTree {
 public:
  FaultyFiles(mlist::MeasurementList& list, Fault fault) : inside_(list), fault_(std::move(fault)) {}

  const std::vector<listfs::Node>& nodes() const override { return inside_.nodes(); }
  Result<std::unique_ptr<listfs::OpenFile>> open(std::size_t node, int flags, const listfs::Caller& caller) override {
    auto opened = inside_.open(node, flags, caller);
    if (!opened) return opened;
    return std::make_unique<FaultyFile>(std::move(*opened), fault_);
  }

 private:
  listfs::ListFiles inside_;
  const Fault fault_;
};

// Appends to the list without a socket between.
class DirectSource : public conformance::RecordSource {
 public:
  explicit DirectSource(mlist::MeasurementList& list) : list_(list) {}

  Result<void> add(std::uint64_t records) override {
    for (std::uint64_t i = 0; i < records; ++i) {
      ++serial_;
      IMAKEEP_CHECK(append());
    }
    return {};
  }
  Result<void> add_again() override {
    const auto repeated = append();
    return repeated || repeated.error().os_errno == EEXIST ? Result<void>() : repeated;
  }

 private:
  Result<void> append() {
    const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, as_bytes(std::to_string(serial_)));
    const Bytes body =
        *imalog::make_body("ima-ng", {.path = "/file/" + std::to_string(serial_), .file_digest = digest.view()});
    if (auto appended = list_.append({.pcr = 10, .template_name = "ima-ng", .body = body}); !appended) {
      return unexpected(appended.error());
    }
    return {};
  }

  mlist::MeasurementList& list_;
  std::uint64_t serial_ = 0;
};

// The checks that fail on a mounted list with that fault.
std::vector<std::string> failures_with(const Fault& fault) {
  const auto banks = *digest::parse_banks("sha1,sha256");
  tpm::SoftPcrBanks pcrs{digest::PcrState(banks)};
  mlist::MeasurementList list(
      {.banks = banks, .extend = [&pcrs](std::uint32_t pcr, auto digests) { return pcrs.extend(pcr, digests); }});
  FaultyFiles files(list, fault);
  char name[] = "/tmp/imakeep-test-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  std::vector<std::string> failed;
  {
    auto mount = listfs::Mount::mount(files, directory);
    EXPECT_TRUE(mount) << describe(mount.error());
    if (!mount) return {"no mount"};
    std::thread server([&] { EXPECT_TRUE((*mount)->run()); });
    DirectSource source(list);
    const auto report = conformance::run(
        {.ima_dir = directory, .destructive = true, .suspension = conformance::Suspension::kOff}, &source);
    EXPECT_TRUE(report) << describe(report.error());
    if (report) {
      EXPECT_GE(report->results.size(), 60u);
      for (const auto& result : report->results) {
        if (result.status == conformance::CheckStatus::kFail) failed.push_back(result.id);
      }
    }
    (*mount)->stop();
    server.join();
  }
  ::rmdir(directory.c_str());
  return failed;
}

struct WrongErrno : testing::Test {
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs root and /dev/fuse";
  }
};

TEST_F(WrongErrno, NoFaultNoFailure) {
  EXPECT_THAT(failures_with({}), IsEmpty());
}

TEST_F(WrongErrno, OfDWithNothingStagedFailsThatCheckOnly) {
  EXPECT_THAT(failures_with({.request = "D\n", .right = ENOENT, .wrong = EINVAL}),
              ElementsAre("request.D-nothing-staged"));
}

TEST_F(WrongErrno, OfAWhileStagedFailsThatCheckOnly) {
  EXPECT_THAT(failures_with({.request = "A\n", .right = EEXIST, .wrong = EBUSY}),
              ElementsAre("request.A-while-staged"));
}

TEST_F(WrongErrno, OfANumberTooLargeFailsThatCheckOnly) {
  EXPECT_THAT(failures_with({.request = "18446744073709551616\n", .right = ERANGE, .wrong = EINVAL}),
              ElementsAre("request.N-overflow"));
}

}  // namespace
}  // namespace imakeep
