// SPDX-License-Identifier: Apache-2.0
#include "listfs/caller.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>

namespace imakeep::listfs {
namespace caller_test {

std::int32_t own_tid() {
  return static_cast<std::int32_t>(::syscall(SYS_gettid));
}

bool have_sys_admin() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2]{};
  return ::syscall(SYS_capget, &header, data) == 0 && (data[0].effective >> CAP_SYS_ADMIN & 1) != 0;
}

void drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[2]{};
  ASSERT_EQ(::syscall(SYS_capset, &header, none), 0);
}

TEST(Caller, IsTheSameTaskEachTime) {
  const Caller first = caller_of(own_tid());
  EXPECT_EQ(first.task.tid, own_tid());
  EXPECT_GT(first.task.start_time, 0u);
  EXPECT_EQ(first.task, caller_of(own_tid()).task);
}

TEST(Caller, TellsThreadsOfOneProcessApart) {
  Caller other;
  std::thread([&] { other = caller_of(own_tid()); }).join();
  EXPECT_FALSE(other.task == caller_of(own_tid()).task);
}

TEST(Caller, HasItsOwnThreadsCapabilities) {
  EXPECT_EQ(caller_of(own_tid()).sys_admin, have_sys_admin());
  Caller dropped;
  std::thread([&] {
    drop_capabilities();
    dropped = caller_of(own_tid());
  }).join();
  EXPECT_FALSE(dropped.sys_admin);
  EXPECT_EQ(caller_of(own_tid()).sys_admin, have_sys_admin()) << "the other thread keeps its own";
}

TEST(Caller, IsReadThoughItsNameLooksLikeTheEndOfAName) {
  std::thread([&] {
    const Caller before = caller_of(own_tid());
    ::prctl(PR_SET_NAME, ") R 1 2 3 (x");
    EXPECT_EQ(caller_of(own_tid()).task, before.task);
  }).join();
}

TEST(Caller, ThatIsGoneHasNoCapability) {
  std::int32_t gone = 0;
  std::thread([&] { gone = own_tid(); }).join();
  EXPECT_FALSE(caller_of(gone).sys_admin);
  EXPECT_FALSE(caller_of(-1).sys_admin);
}

}  // namespace caller_test
}  // namespace imakeep::listfs
