// SPDX-License-Identifier: Apache-2.0
// verifierd/serve.h - the verifier as a process: opens the store, makes what is missing at a first start, serves until
// a signal ends it, and then answers what it has begun. Threads: serve() is called once, by the main thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/server.h"
#include "verifier/enrolment.h"
#include "verifier/settings.h"

namespace imakeep::verifierd {

inline constexpr std::chrono::milliseconds kStoreTimeout{8'000};

struct ServeOptions {
  // A file of SQLite, or "postgresql://..." as libpq takes it.
  std::string store = "/var/lib/imakeep-verifier/verifier.db";
  std::chrono::milliseconds store_timeout = kStoreTimeout;  // of a call, if PostgreSQL does not answer
  std::string state_directory = "/var/lib/imakeep-verifier";
  std::string address = "127.0.0.1";
  std::uint16_t port = 8890;
  std::string admin_socket = "/run/imakeep-verifier/admin.sock";  // empty: none
  std::string certificate = {};  // PEM; empty: a self-signed one is made in the state directory
  std::string private_key = {};
  std::vector<std::string> names = {};                    // in a self-signed certificate
  std::string ek_roots = {};                              // directory of PEM and DER files
  std::string ek_pins = {};                               // file: enrol/ek_pins.h
  std::optional<std::chrono::seconds> keep_history = {};  // accepted quotes older than this are forgotten
  bool any_tpm = false;
  bool no_token = false;
  bool approval = false;
  unsigned threads = 8;
  std::chrono::milliseconds patience{10'000};  // at the end
  http::ServerLimits limits = {};
  verifier::Settings settings = {};
};

// Opens the store of a path or of a PostgreSQL URL. A call waits no longer than `call_timeout` for PostgreSQL. Errors:
// those of the store.
Result<std::unique_ptr<vstore::Store>> open_store(const std::string& store,
                                                  std::chrono::milliseconds call_timeout = kStoreTimeout);

// Fills the room from the kernel's generator.
void fill_random(std::span<std::byte> room);

// Serves until SIGTERM or SIGINT. Prints one line when it is ready: where it listens, and the pin of its certificate.
// Errors: those of the store, of the files and of http::Server::start().
Result<void> serve(const ServeOptions& options);

}  // namespace imakeep::verifierd
