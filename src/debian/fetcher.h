// SPDX-License-Identifier: Apache-2.0
// debian/fetcher.h - downloads from a mirror, by http, https or from a directory, into a cache named by SHA-256.
//
// DIR/HASH is a whole file, DIR/HASH.part the beginning of one: a later run continues it. The library is libcurl. A
// cache may be shared by runs after each other, not by runs at the same time.
// Threads: one thread at a time uses an object.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace imakeep::debian {

struct Wanted {
  std::string url;  // http://, https://, file://, or a path
  std::string sha256;
  std::uint64_t bytes = 0;
};

// The address of a file below that of a mirror. A mirror that begins with '/' is a directory.
std::string url_below(const std::string& mirror, std::string_view path);

class Fetcher {
 public:
  // Makes the directory if it is missing. `clock` waits between attempts, and must outlive the object.
  static Result<std::unique_ptr<Fetcher>> open(const std::string& directory, Clock& clock);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  // The name of a file in the cache that has this hash, which was computed now. `on_bytes` is called with the count of
  // bytes that came. Errors: kMismatch: the mirror's file has another hash, or more bytes; it was removed.
  // kEnvironment: the mirror does not have it, does not answer, or ended the transfer kMostAttempts times without a new
  // byte; also if the cache cannot be written. What came is kept for the next run.
  Result<std::string> fetch(const Wanted& wanted, const std::function<void(std::uint64_t)>& on_bytes = {});

  // A file whose hash nobody knows yet. Not kept.
  Result<Bytes> fetch_unknown(const std::string& url, std::uint64_t most_bytes);

  std::uint64_t downloaded_bytes() const;

 private:
  struct State;
  explicit Fetcher(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

inline constexpr int kMostAttempts = 4;

}  // namespace imakeep::debian
