// SPDX-License-Identifier: Apache-2.0
// reference/initramfs.h - takes reference values from the files of an initramfs, under the names that IMA logs for
// them.
//
// An initramfs is one or several cpio archives after each other, plain or compressed; often a small plain one with the
// processor's microcode comes first. Until the real root is mounted, the kernel's names are paths in it: "/init",
// "/usr/bin/kmod". A path through a directory that is a symbolic link in the archive is logged as where it leads.
// Threads: no shared state.
#pragma once

#include "digest/digest.h"
#include "reference/document.h"

namespace imakeep::reference {

struct InitramfsReport {
  std::uint64_t archives = 0;  // parts, plain or compressed
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// kMalformed: the bytes are no initramfs, are cut short, or something follows that is neither zeros nor an archive;
// the document may then have some of the files.
Result<InitramfsReport> add_initramfs(ByteView image, const std::vector<digest::Algorithm>& algorithms,
                                      Document& document);

}  // namespace imakeep::reference
