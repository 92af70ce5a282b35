// SPDX-License-Identifier: Apache-2.0
// Runs the contract of contract/ima_source_contract.h on every version of keeper::ImaSource, and checks what only the
// one with real files can get wrong: its descriptors.
#include "contract/ima_source_contract.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "keeper/faulty/faulty_ima_source.h"
#include "keeper/kernel/kernel_ima_source.h"
#include "keeper/memory/memory_ima_source.h"
#include "listfs/libfuse/mount.h"
#include "listfs/list_file.h"
#include "support/scratch_directory.h"

namespace imakeep::test {
namespace {

using keeper::KernelImaSource;
using testing::HasSubstr;

const std::vector<digest::Bank> kBanks = *digest::parse_banks("sha1,sha256");

struct MemorySubject {
  static const char* missing() { return nullptr; }
  mlist::MeasurementList& list() { return *ima.list; }
  std::unique_ptr<keeper::ImaSource> source(int task) {
    return std::make_unique<keeper::MemoryImaSource>(ima, task, kBanks.back());
  }

  keeper::MemoryIma ima{.list = std::make_unique<mlist::MeasurementList>(mlist::ListOptions{.banks = kBanks}),
                        .mediation = {}};
};

// One with a memory source inside, which fails at nothing.
struct FaultySubject : MemorySubject {
  struct Inner {
    std::unique_ptr<keeper::ImaSource> inner;
  };
  // The inner source is made first and destroyed last.
  struct Owning : private Inner, public keeper::FaultyImaSource {
    explicit Owning(std::unique_ptr<keeper::ImaSource> made) : Inner{std::move(made)}, FaultyImaSource(*inner) {}
  };
  std::unique_ptr<keeper::ImaSource> source(int task) { return std::make_unique<Owning>(MemorySubject::source(task)); }
};

// A list that this process mounts, and whose files it then opens as anybody would.
struct KernelSubject {
  static const char* missing() {
    return ::geteuid() == 0 && ::access("/dev/fuse", R_OK | W_OK) == 0 ? nullptr : "needs root and /dev/fuse";
  }
  KernelSubject() : server([this] { EXPECT_TRUE(mount->run()); }) {}
  ~KernelSubject() { unmount(); }
  void unmount() {
    if (!server.joinable()) return;
    mount->stop();
    server.join();
    mount.reset();
  }

  mlist::MeasurementList& list() { return measured; }
  std::unique_ptr<keeper::ImaSource> source(int) { return KernelImaSource::in(directory.path()).value(); }

  mlist::MeasurementList measured{{.banks = kBanks}};
  listfs::ListFiles files{measured};
  const ScratchDirectory directory;
  std::unique_ptr<listfs::Mount> mount = listfs::Mount::mount(files, directory.path()).value();
  std::thread server;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, ImaSourceContract, MemorySubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Faulty, ImaSourceContract, FaultySubject);
INSTANTIATE_TYPED_TEST_SUITE_P(Kernel, ImaSourceContract, KernelSubject);

struct Descriptor {
  std::string name;
  int access = 0;
  bool close_on_exec = false;
};

// Those of this process that lie in the directory.
std::vector<Descriptor> descriptors_in(const std::string& directory) {
  std::vector<Descriptor> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || target.parent_path() != directory) continue;
    const int fd = std::stoi(entry.path().filename());
    found.push_back({.name = target.filename(),
                     .access = ::fcntl(fd, F_GETFL) & O_ACCMODE,
                     .close_on_exec = (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0});
  }
  std::ranges::sort(found, {}, &Descriptor::name);
  return found;
}

class KernelImaSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const char* const missing = KernelSubject::missing(); missing != nullptr) GTEST_SKIP() << missing;
    subject_ = std::make_unique<KernelSubject>();
    source_ = subject_->source(1);
  }
  std::vector<Descriptor> open_now() const { return descriptors_in(subject_->directory.path()); }

  std::unique_ptr<KernelSubject> subject_;
  std::unique_ptr<keeper::ImaSource> source_;
};

TEST_F(KernelImaSourceTest, ReadsThroughOneReadOnlyDescriptorAPart) {
  ASSERT_TRUE(source_->open_to_read());
  const auto open = open_now();
  ASSERT_EQ(open.size(), 2u);
  EXPECT_EQ(open[0].name, "binary_runtime_measurements_sha256");
  EXPECT_EQ(open[1].name, "binary_runtime_measurements_sha256_staged");
  for (const Descriptor& descriptor : open) {
    EXPECT_EQ(descriptor.access, O_RDONLY);
    EXPECT_TRUE(descriptor.close_on_exec);
  }
  source_->close();
  EXPECT_TRUE(open_now().empty());
}

// With two, Linux's lock would stay taken if their thread ended before they are closed.
TEST_F(KernelImaSourceTest, HasOneDescriptorThatCanWriteAndThenNoOther) {
  mlist::test::append_numbered(subject_->list(), 0, 3);
  for (const ListPart part : {ListPart::kStaged, ListPart::kCurrent}) {
    ASSERT_TRUE(source_->open_to_write(part));
    ASSERT_EQ(open_now().size(), 1u);
    EXPECT_EQ(open_now().front().access, O_RDWR);
    EXPECT_TRUE(open_now().front().close_on_exec);
    // The source closes its open files first.
    ASSERT_TRUE(source_->open_to_write(part));
    EXPECT_EQ(open_now().size(), 1u);
    ASSERT_TRUE(source_->open_to_read());
    EXPECT_EQ(open_now().size(), 2u);
    ASSERT_TRUE(source_->open_to_write(part));
    EXPECT_EQ(open_now().size(), 1u);
    source_->close();
  }
}

TEST_F(KernelImaSourceTest, LeavesNothingOpenWhenItIsGoneOrCouldNotOpenBoth) {
  ASSERT_TRUE(source_->open_to_read());
  source_.reset();
  EXPECT_TRUE(open_now().empty());
}

TEST_F(KernelImaSourceTest, SaysHowMuchOfTheListWasSeen) {
  mlist::test::append_numbered(subject_->list(), 0, 3);
  auto& source = dynamic_cast<KernelImaSource&>(*source_);
  ASSERT_TRUE(source.open_to_read());
  Bytes piece(1u << 20);
  const std::size_t all = source.read(ListPart::kCurrent, 0, piece).value();
  ASSERT_TRUE(source.read(ListPart::kCurrent, 5, std::span(piece).first(10)));
  EXPECT_EQ(source.bytes_seen(), all);
}

// Drops the right from the thread that calls.
void give_up_sys_admin() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  ASSERT_EQ(::syscall(SYS_capget, &header, data), 0);
  data[0].effective &= ~(1u << CAP_SYS_ADMIN);
  data[0].permitted &= ~(1u << CAP_SYS_ADMIN);
  ASSERT_EQ(::syscall(SYS_capset, &header, data), 0);
}

TEST_F(KernelImaSourceTest, WithoutCapSysAdminItSaysWhatIsMissing) {
  std::thread([&] {
    give_up_sys_admin();
    const auto opened = source_->open_to_write(ListPart::kStaged);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kEnvironment);
    EXPECT_EQ(opened.error().os_errno, EPERM);
    EXPECT_THAT(opened.error().message, HasSubstr("CAP_SYS_ADMIN"));
  }).join();
}

TEST_F(KernelImaSourceTest, ADirectoryThatGoesAwayIsAnErrorOfTheRead) {
  mlist::test::append_numbered(subject_->list(), 0, 3);
  ASSERT_TRUE(source_->open_to_read());
  subject_->unmount();
  Bytes piece(100);
  const auto got = source_->read(ListPart::kCurrent, 0, piece);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kIo);
  EXPECT_NE(got.error().os_errno, 0);
  EXPECT_THAT(got.error().message, HasSubstr(subject_->directory.path()));
}

// ---- plain files, in the place of kernels that delete no records

class OldKernelDirectory : public testing::Test {
 protected:
  void make(const std::string& name, const std::string& content) const {
    std::ofstream(directory_.file(name)) << content;
    ::chmod(directory_.file(name).c_str(), 0440);
  }

  const ScratchDirectory directory_;
};

TEST_F(OldKernelDirectory, IsReadAndTakesNothing) {
  make("binary_runtime_measurements", "records");
  make("runtime_measurements_count", "3\n");
  const auto source = KernelImaSource::in(directory_.path());
  ASSERT_TRUE(source) << describe(source.error());
  EXPECT_FALSE((*source)->has_staging());
  EXPECT_FALSE((*source)->takes_numbers());
  EXPECT_EQ((*source)->bank().name(), "sha1");
  EXPECT_EQ((*source)->count().value_or(0), 3u);
  ASSERT_TRUE((*source)->open_to_read());
  Bytes piece(100);
  EXPECT_EQ((*source)->read(ListPart::kCurrent, 0, piece).value_or(0), 7u);
  EXPECT_EQ((*source)->read(ListPart::kStaged, 0, piece).value_or(9), 0u);
}

TEST_F(OldKernelDirectory, ACountThatIsNoneIsNamed) {
  make("binary_runtime_measurements_sha1", "");
  make("runtime_measurements_count", "many\n");
  const auto source = KernelImaSource::in(directory_.path());
  ASSERT_TRUE(source) << describe(source.error());
  const auto count = (*source)->count();
  ASSERT_FALSE(count);
  EXPECT_THAT(count.error().message, HasSubstr("runtime_measurements_count"));
}

TEST_F(OldKernelDirectory, NamesTheKernelByItsBootId) {
  make("binary_runtime_measurements", "");
  std::ofstream(directory_.file("boot_id")) << "b7d6\n";
  EXPECT_EQ((*KernelImaSource::in(directory_.path(), {}, directory_.file("boot_id")))->boot_id(), "b7d6");
  EXPECT_EQ((*KernelImaSource::in(directory_.path(), {}, directory_.file("none")))->boot_id(), "");
  // One that is taken for none would make the same kernel another one the next time.
  EXPECT_EQ(KernelImaSource::in(directory_.path(), {}, directory_.path()).error().code, ErrorCode::kEnvironment);
}

TEST_F(OldKernelDirectory, AnEmptyDirectoryIsNoImaDirectory) {
  const auto source = KernelImaSource::in(directory_.path());
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ErrorCode::kEnvironment);
}

}  // namespace
}  // namespace imakeep::test
