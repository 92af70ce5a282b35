// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/file.h"
#include "base/text.h"
#include "debian/release.h"

namespace imakeep::debian {
namespace {

constexpr std::uint64_t kMostOutputBytes = 64u << 20;
constexpr std::uint64_t kMostKeyringBytes = 64u << 20;

// The child's descriptors.
constexpr int kStatusFd = 3;
constexpr int kInputFd = 4;
constexpr int kKeyringFd = 5;

struct ActionsFreed {
  void operator()(posix_spawn_file_actions_t* actions) const { ::posix_spawn_file_actions_destroy(actions); }
};

Result<UniqueFd> nameless_file(const char* name, ByteView content) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd.valid()) return fail_errno(errno, "cannot create a file in memory");
  IMAKEEP_CHECK(write_all(fd.get(), content, name));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return fail_errno(errno, "cannot seek in a file in memory");
  return fd;
}

Result<std::string> content_of(const UniqueFd& fd) {
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return fail_errno(errno, "cannot seek in a file in memory");
  IMAKEEP_TRY(const auto& bytes, read_all(fd.get(), "gpgv's output", {.most_bytes = kMostOutputBytes}));
  return std::string(as_text(bytes));
}

// RFC 4880, section 6.2: the base64 between the blank line and the checksum, which begins with '='.
Result<Bytes> keys_in_armor(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
  Bytes keys;
  std::string base64;
  bool in_block = false;
  bool in_body = false;
  for (const std::string_view line : split(text, "\n")) {
    const std::string_view content = trimmed(line);
    if (content == kBegin) {
      in_block = true;
      in_body = false;
      base64.clear();
    } else if (in_block && (content.starts_with("-----END") || (in_body && content.starts_with('=')))) {
      IMAKEEP_TRY(const auto& block, from_base64(base64));
      append_bytes(keys, block);
      in_block = false;
    } else if (in_block && !in_body) {
      in_body = content.empty();
    } else if (in_block) {
      base64 += content;
    }
  }
  if (keys.empty()) return fail(ErrorCode::kMalformed, "no public key block");
  return keys;
}

Result<Bytes> read_keyring(const std::string& path) {
  IMAKEEP_TRY(auto file, read_file(path, {.most_bytes = kMostKeyringBytes}));
  if (!as_text(file).starts_with("-----BEGIN PGP")) return file;
  auto keys = keys_in_armor(as_text(file));
  if (!keys) return unexpected(named(keys.error(), path));
  return keys;
}

struct Child {
  int exit_code = 0;
  std::string status;
  std::string text;
  std::string messages;
};

Result<Child> run_gpgv(ByteView in_release, ByteView keyring) {
  IMAKEEP_TRY(const auto& input, nameless_file("InRelease", in_release));
  IMAKEEP_TRY(const auto& keys, nameless_file("keyring", keyring));
  IMAKEEP_TRY(const auto& status, nameless_file("status", {}));
  IMAKEEP_TRY(const auto& text, nameless_file("text", {}));
  IMAKEEP_TRY(const auto& messages, nameless_file("messages", {}));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::unique_ptr<posix_spawn_file_actions_t, ActionsFreed> freed(&actions);
  // Sources above the targets, so that no dup2() closes what a later one needs.
  std::array<UniqueFd, 5> high;
  const std::array<const UniqueFd*, 5> sources = {&text, &messages, &status, &input, &keys};
  constexpr std::array<int, 5> kTargets = {STDOUT_FILENO, STDERR_FILENO, kStatusFd, kInputFd, kKeyringFd};
  constexpr int kFirstHigh = 10;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    high[i] = UniqueFd(::fcntl(sources[i]->get(), F_DUPFD_CLOEXEC, kFirstHigh));
    if (!high[i].valid()) return fail_errno(errno, "cannot duplicate a descriptor");
    ::posix_spawn_file_actions_adddup2(&actions, high[i].get(), kTargets[i]);
  }
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  // As apt does, signatures over weak hashes count as bad.
  std::array<const char*, 13> arguments = {"gpgv",          "--homedir", "/nonexistent",  "--keyring", "/dev/fd/5",
                                           "--weak-digest", "SHA1",      "--weak-digest", "RIPEMD160", "--status-fd=3",
                                           "--output=-",    "/dev/fd/4", nullptr};
  std::array<const char*, 2> environment = {"LC_ALL=C", nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, "gpgv", &actions, nullptr, const_cast<char* const*>(arguments.data()),
                                    const_cast<char* const*>(environment.data()));
  if (failed != 0) return fail_errno(failed, "cannot run gpgv; install the package gpgv");
  int how = 0;
  while (::waitpid(pid, &how, 0) < 0) {
    if (errno != EINTR) return fail_errno(errno, "cannot wait for gpgv");
  }
  Child child{.exit_code = WIFEXITED(how) ? WEXITSTATUS(how) : -1};
  IMAKEEP_TRY(child.status, content_of(status));
  IMAKEEP_TRY(child.text, content_of(text));
  IMAKEEP_TRY(child.messages, content_of(messages));
  return child;
}

// What the status lines say of the signatures.
struct Verdict {
  int good = 0;
  int texts = 0;
  bool bad = false;
  std::string unknown_keys;
};

Verdict verdict_of(std::string_view status) {
  constexpr std::string_view kPrefix = "[GNUPG:] ";
  Verdict verdict;
  bool last_good = false;
  for (std::string_view line : split(status, "\n")) {
    if (!line.starts_with(kPrefix)) continue;
    line.remove_prefix(kPrefix.size());
    const std::string_view word = line.substr(0, line.find(' '));
    // gpgv stops with an error at a second text.
    if (word == "PLAINTEXT" || word == "ERROR") ++verdict.texts;
    if (word == "BADSIG") verdict.bad = true;
    if (word == "NO_PUBKEY")
      verdict.unknown_keys += (verdict.unknown_keys.empty() ? "" : ", ") + std::string(line.substr(10));
    // VALIDSIG follows the signatures of expired and revoked keys too.
    if (word == "VALIDSIG" && last_good) ++verdict.good;
    last_good = word == "GOODSIG";
  }
  return verdict;
}

}  // namespace

Result<std::string> verify_release(ByteView in_release, const std::string& keyring) {
  IMAKEEP_TRY(const auto& keys, read_keyring(keyring));
  IMAKEEP_TRY(auto child, run_gpgv(in_release, keys));
  const Verdict verdict = verdict_of(child.status);
  if (verdict.texts == 0) return fail(ErrorCode::kMalformed, "no signed text; the mirror has no InRelease here");
  if (verdict.bad || verdict.good == 0 || verdict.texts != 1) {
    std::string why = "no key of " + keyring + " signed it";
    if (verdict.bad) why = "a signature is bad: the text was altered";
    if (verdict.texts > 1) why = "it has several texts, or gpgv failed";
    if (!verdict.unknown_keys.empty()) why += "; keys that the keyring lacks signed it: " + verdict.unknown_keys;
    return fail(ErrorCode::kMismatch, "the signature does not verify: " + printable(why) +
                                          "; use another mirror, or give the keyring of this one");
  }
  return std::move(child.text);
}

}  // namespace imakeep::debian
