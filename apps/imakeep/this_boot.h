// this_boot.h - which chain of an archive is that of the running kernel. Threads: no shared state.
#pragma once

#include "archive/archive.h"

namespace imakeep::app {

// Whether a keeper last saw the chain in this boot, so that the view shows it. Errors: the archive's.
Result<bool> is_of_this_boot(archive::Archive& archive, std::uint64_t chain);

}  // namespace imakeep::app
