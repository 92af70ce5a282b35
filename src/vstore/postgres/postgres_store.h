// SPDX-License-Identifier: Apache-2.0
// vstore/postgres/postgres_store.h - the verifier's rows in a PostgreSQL 15 database of their own.
//
// Any number of processes on any hosts may use the database, directly or through pgbouncer in transaction mode: no
// connection keeps a state between two transactions. The statements of a call travel together (pipeline mode), those of
// many moves as arrays. If a connection is lost or two transactions conflict, the store connects anew and repeats what
// did not take effect, for about 1.5 s. Source: libpq, https://www.postgresql.org/docs/15/libpq.html.
// Threads: as vstore::Store.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "vstore/store.h"

namespace imakeep::vstore {

struct PostgresOptions {
  std::size_t most_connections = 8;
  int attempts = 8;  // of a transaction
  std::chrono::milliseconds call_timeout{8'000};
  std::vector<std::string> more_steps = {};  // of the schema, for tests of upgrades
};

// Connects, and makes or upgrades the tables. `conninfo` is that of libpq: "host=... dbname=..." or "postgresql://...".
// The tables come into the first schema of the user's search_path; no other program's tables may be there. A call waits
// no longer than `call_timeout` for a server that does not answer, and at most 2 s more while it connects. If
// `conninfo` has a connect_timeout, that one counts. Errors, in addition to Store's:
//   kUsage        libpq does not understand `conninfo`
//   kEnvironment  the server cannot be reached, or refuses the user
//   kUnsupported  the tables were made by a newer imakeep
Result<std::unique_ptr<Store>> open_postgres_store(const std::string& conninfo, const PostgresOptions& options = {});

}  // namespace imakeep::vstore
