// archive/sqlite/schema.h - the tables of an archive file, by version, and the steps that lead from one to the next.
//
// A file tells what it is by PRAGMA application_id ("imkp") and its version by PRAGMA user_version; 0 is a file whose
// tables have not been made yet. Format page: docs/formats/archive.md. Threads: no shared state.
#pragma once

#include <array>

namespace imakeep::archive {

inline constexpr int kApplicationId = 0x696d6b70;  // "imkp"

// kUpgrades[v] makes version v + 1 of version v. Each runs in one transaction with the version it leads to.
extern const std::array<const char*, 2> kUpgrades;
inline constexpr int kSchemaVersion = static_cast<int>(std::tuple_size_v<decltype(kUpgrades)>);

}  // namespace imakeep::archive
