// SPDX-License-Identifier: Apache-2.0
#include "support/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/freed_by.h"
#include "support/programs.h"

namespace imakeep::test {
namespace {

constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin";

using Connection = std::unique_ptr<PGconn, FreedBy<PQfinish>>;
using Answered = std::unique_ptr<PGresult, FreedBy<PQclear>>;

}  // namespace

PostgresServer::PostgresServer() {
  if (::access((std::string(kPrograms) + "/initdb").c_str(), X_OK) != 0) {
    throw std::runtime_error(std::string(kPrograms) + " has no initdb; run: apt-get install postgresql-15");
  }
  user_ = ::geteuid();
  group_ = ::getegid();
  if (user_ == 0) {
    const passwd* const entry = ::getpwnam("postgres");
    if (entry == nullptr) throw std::runtime_error("there is no user postgres; run: apt-get install postgresql-15");
    user_ = entry->pw_uid;
    group_ = entry->pw_gid;
    if (::chown(directory_.path().c_str(), user_, group_) != 0) {
      throw std::runtime_error("cannot give " + directory_.path() + " to the user postgres");
    }
  }
  // A locale that sorts otherwise than by bytes: no test may depend on the server's order.
  const pid_t made = spawn({std::string(kPrograms) + "/initdb", "--pgdata=" + directory_.file("data"), "--auth=trust",
                            "--username=imakeep", "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu",
                            "--icu-locale=en", "--no-sync"});
  int status = 0;
  if (::waitpid(made, &status, 0) != made || status != 0) throw std::runtime_error("initdb failed; run it by hand");
  start();
}

PostgresServer::~PostgresServer() {
  stop();
}

pid_t PostgresServer::spawn(const std::vector<std::string>& arguments) const {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  if (::geteuid() != user_ &&
      (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0 || ::chdir("/") != 0)) {
    ::_exit(127);
  }
  // A test that crashes takes its server along: on SIGINT the server ends its own processes too.
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  if (::getppid() != parent) ::_exit(127);
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

void PostgresServer::start() {
  pid_ = spawn({std::string(kPrograms) + "/postgres", "-D", directory_.file("data"), "-k", directory_.path(), "-c",
                "listen_addresses=", "-c", "fsync=off"});
  for (int i = 0; i < 1000; ++i) {
    if (PQping(conninfo("public").c_str()) == PQPING_OK) return;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("postgres does not start in " + directory_.path());
}

void PostgresServer::put_file(const std::string& name, const std::string& text) const {
  const std::string path = directory_.file("data/" + name);
  write_file(path, as_bytes(text));
  if (::chown(path.c_str(), user_, group_) != 0) throw std::runtime_error("cannot give " + path + " to the server");
}

// The server first, so that it makes no process meanwhile. Each process of a connection is a child of it.
void PostgresServer::signal_all(int signal) const {
  ::kill(pid_, signal);
  std::ifstream children("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children");
  for (pid_t child = 0; children >> child;) ::kill(child, signal);
}

void PostgresServer::pause() {
  signal_all(SIGSTOP);
}

void PostgresServer::resume() {
  signal_all(SIGCONT);
}

void PostgresServer::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGINT);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string PostgresServer::conninfo(const std::string& schema) const {
  return "host=" + directory_.path() + " user=imakeep dbname=postgres options=-csearch_path=" + schema;
}

std::string PostgresServer::sql(const std::string& statements) const {
  const Connection connection(PQconnectdb(conninfo("public").c_str()));
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  const Answered answered(PQexec(connection.get(), statements.c_str()));
  const auto status = PQresultStatus(answered.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(statements + ": " + PQerrorMessage(connection.get()));
  }
  return PQntuples(answered.get()) > 0 && PQnfields(answered.get()) > 0 ? PQgetvalue(answered.get(), 0, 0) : "";
}

}  // namespace imakeep::test
