// SPDX-License-Identifier: Apache-2.0
// bundle/bundle_log.h - presents the records of an evidence bundle as a log to verify, from number 0 on.
//
// A bundle has no digests: each record shows the digest of its data. Threads: an object belongs to one thread at a
// time.
#pragma once

#include <memory>

#include "attest/log_source.h"
#include "evidence/bundle_reader.h"

namespace imakeep::bundle {

// Whether the path is a regular file that begins as a bundle does. False also if it cannot be read.
bool is_bundle(const std::string& path);

class BundleLog : public attest::LogSource {
 public:
  // Reads the whole file once, so that a damaged one is refused before anything is said of its records. Errors, which
  // name the file: those of BundleReader and of reading.
  static Result<std::unique_ptr<BundleLog>> open(const std::string& path);

  const evidence::BundleHeader& header() const { return header_; }

  // Errors as open(), if the file has changed meanwhile.
  Result<std::optional<attest::LoggedRecord>> next() override;
  Result<void> rewind() override;
  attest::Place place() const override { return {.source = path_, .record = next_ == 0 ? 0 : next_ - 1}; }

 private:
  explicit BundleLog(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  evidence::BundleHeader header_;
  std::optional<evidence::BundleReader> reader_;
  std::uint64_t next_ = 0;  // number of the next record
  digest::Digest shown_;
};

}  // namespace imakeep::bundle
