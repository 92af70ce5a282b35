// SPDX-License-Identifier: Apache-2.0
// archive/sqlite/schema.h - the tables of an archive file, as the steps that upgrade each version to the next.
//
// PRAGMA application_id ("imkp") marks an archive file. PRAGMA user_version is its schema version; 0 means that the
// file has no tables yet. Format page: docs/formats/archive.md. Threads: no shared state.
#pragma once

#include <array>

namespace imakeep::archive {

inline constexpr int kApplicationId = 0x696d6b70;  // "imkp"

// kUpgrades[v] upgrades version v to version v + 1. All steps of an upgrade and the new version are one transaction.
// After the steps, the upgrade computes the checksums of all rows anew: checksums.h.
extern const std::array<const char*, 5> kUpgrades;
inline constexpr int kSchemaVersion = static_cast<int>(std::tuple_size_v<decltype(kUpgrades)>);

}  // namespace imakeep::archive
