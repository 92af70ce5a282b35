// SPDX-License-Identifier: Apache-2.0
#include "support/swtpm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <sstream>
#include <thread>

#include "base/file.h"

namespace imakeep::test {
namespace {

constexpr int kAttempts = 20;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool is_free(std::uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // As swtpm does: connections that were closed lately leave the port free.
  const int reuse = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  const sockaddr_in address = loopback(port);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// A port that is free together with the next one. Both lie below net.ipv4.ip_local_port_range: tcti-swtpm makes a
// connection a command, so tests use up the ports that Linux hands out. They may be taken before swtpm has them.
std::optional<std::uint16_t> free_pair() {
  static std::random_device random;
  std::uniform_int_distribution<std::uint16_t> any(10'000, 32'000);
  for (int i = 0; i < kAttempts; ++i) {
    const std::uint16_t port = any(random);
    if (is_free(port) && is_free(static_cast<std::uint16_t>(port + 1))) return port;
  }
  return std::nullopt;
}

pid_t spawn(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  // A test that crashes takes its TPM along.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

bool Swtpm::installed() {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/swtpm").c_str(), X_OK) == 0) return true;
  }
  return false;
}

Swtpm::Swtpm(SwtpmOptions options) : options_(options) {}

Result<std::unique_ptr<Swtpm>> Swtpm::start(const SwtpmOptions& options) {
  std::unique_ptr<Swtpm> swtpm(new Swtpm(options));
  std::string folder = (std::filesystem::temp_directory_path() / "imakeep-swtpm-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return fail_errno(errno, folder);
  swtpm->state_folder_ = folder;
  for (int i = 0; i < kAttempts; ++i) {
    const auto port = free_pair();
    if (!port) return fail(ErrorCode::kEnvironment, "no two free ports in a row");
    swtpm->port_ = *port;
    if (swtpm->launch()) return swtpm;
  }
  return fail(ErrorCode::kEnvironment, "swtpm does not start; try: swtpm socket --tpm2 --tpmstate dir=" + folder);
}

Swtpm::~Swtpm() {
  kill();
  std::error_code ignored;
  if (!state_folder_.empty()) std::filesystem::remove_all(state_folder_, ignored);
}

Result<void> Swtpm::launch() {
  std::error_code ignored;
  std::filesystem::remove(state_folder_ + "/pid", ignored);
  pid_ = spawn({"swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state_folder_, "--server",
                "type=tcp,port=" + std::to_string(port_), "--ctrl", "type=tcp,port=" + std::to_string(port_ + 1),
                "--flags", options_.started ? "not-need-init,startup-clear" : "not-need-init", "--pid",
                "file=" + state_folder_ + "/pid", "--log", "file=" + state_folder_ + "/log"});
  if (pid_ < 0) return fail_errno(errno, "fork");
  if (becomes_ready()) return {};
  kill();
  return fail(ErrorCode::kEnvironment, "swtpm ended at once");
}

// swtpm writes its pid once both ports are its own.
bool Swtpm::becomes_ready() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (std::filesystem::exists(state_folder_ + "/pid")) return true;
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

std::string Swtpm::tcti() const {
  return "swtpm:host=127.0.0.1,port=" + std::to_string(port_);
}

void Swtpm::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Swtpm::pause() {
  ::kill(pid_, SIGSTOP);
}

void Swtpm::resume() {
  ::kill(pid_, SIGCONT);
}

Result<void> Swtpm::restart() {
  kill();
  return launch();
}

}  // namespace imakeep::test
