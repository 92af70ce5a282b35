// SPDX-License-Identifier: Apache-2.0
// support/postgres_server.h - a PostgreSQL server for tests: Debian's postgresql-15, with a data directory of its own
// and a Unix socket only.
//
// initdb refuses root: if the test runs as root, the server runs as the user postgres. Threads: an object belongs to
// one thread at a time.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "support/scratch_directory.h"

namespace imakeep::test {

class PostgresServer {
 public:
  // Makes the data directory and returns once the server accepts connections. Throws, with what to do, if that fails:
  // a test that needs the server is never skipped.
  PostgresServer();
  ~PostgresServer();  // ends the server and removes its data
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // For libpq: the socket, the user (a superuser) and the database, and the tables in a schema of this name.
  std::string conninfo(const std::string& schema) const;
  // Runs statements and returns the first value of the last one, or nothing. Throws if one fails.
  std::string sql(const std::string& statements) const;

  // Writes a file into the data directory.
  void put_file(const std::string& name, const std::string& text) const;

  void stop();  // breaks the connections off, and rolls their transactions back
  void start();
  void pause();   // it keeps its connections and its sockets, and answers nothing
  void resume();  // it answers what came meanwhile

 private:
  void signal_all(int signal) const;
  pid_t spawn(const std::vector<std::string>& arguments) const;

  ScratchDirectory directory_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t pid_ = -1;
};

}  // namespace imakeep::test
