// SPDX-License-Identifier: Apache-2.0
#include "view/mount/mountinfo.h"

#include <gmock/gmock.h>

namespace imakeep::view {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr std::string_view kRoot = "21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n";

std::string line(const std::string& path, const std::string& type, const std::string& source,
                 const std::string& optional_fields = "shared:7 ") {
  return "90 21 0:45 / " + path + " ro,nosuid " + optional_fields + "- " + type + " " + source + " rw\n";
}

TEST(Mountinfo, FindsViewsByPathAndSource) {
  const std::string table = std::string(kRoot) + line("/run/imakeep/ima", "fuse.imakeep-view", "imakeep:01") +
                            line("/sys/kernel/security/ima/x", "fuse.imakeep-view", "imakeep:01", "") +
                            line("/mnt", "fuse.imakeep", "imakeep");
  EXPECT_THAT(views_on_top(table), UnorderedElementsAre(Pair("/run/imakeep/ima", "imakeep:01"),
                                                        Pair("/sys/kernel/security/ima/x", "imakeep:01")));
}

TEST(Mountinfo, TheLastMountOfAPathIsTheTopmost) {
  const std::string view = line("/v", "fuse.imakeep-view", "imakeep:01");
  EXPECT_THAT(views_on_top(view + line("/v", "tmpfs", "tmpfs")), IsEmpty());
  EXPECT_THAT(views_on_top(view + line("/v", "fuse.imakeep-view", "imakeep:02")),
              UnorderedElementsAre(Pair("/v", "imakeep:02")));
  EXPECT_THAT(views_on_top(line("/v", "tmpfs", "tmpfs") + view), UnorderedElementsAre(Pair("/v", "imakeep:01")));
}

TEST(Mountinfo, UndoesTheEscapesOfPaths) {
  EXPECT_THAT(views_on_top(line(R"(/a\040view\134with\011all\012four)", "fuse.imakeep-view", "imakeep:01")),
              UnorderedElementsAre(Pair("/a view\\with\tall\nfour", "imakeep:01")));
  EXPECT_THAT(views_on_top(line(R"(/not\08an\4escape\)", "fuse.imakeep-view", "imakeep:01")),
              UnorderedElementsAre(Pair(R"(/not\08an\4escape\)", "imakeep:01")));
}

TEST(Mountinfo, LeavesOutLinesThatAreCutShort) {
  EXPECT_THAT(views_on_top("90 21 0:45 / /v ro - fuse.imakeep-view\n90 21\n\n-\n"), IsEmpty());
  EXPECT_THAT(views_on_top("90 21 - fuse.imakeep-view\n"), IsEmpty());
}

}  // namespace
}  // namespace imakeep::view
