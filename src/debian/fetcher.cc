// SPDX-License-Identifier: Apache-2.0
#include "debian/fetcher.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "digest/digest.h"

namespace imakeep::debian {

struct Fetcher::State {
  std::string directory;
  Clock* clock = nullptr;
  CURL* curl = nullptr;
  std::uint64_t downloaded_bytes = 0;

  ~State() {
    if (curl != nullptr) curl_easy_cleanup(curl);
  }
};

namespace {

constexpr long kConnectLimit_s = 30;
constexpr long kStallLimit_s = 60;  // without a byte
constexpr std::int64_t kPause_ms = 500;
constexpr long kRangeNotSatisfiable = 416;
constexpr long kServerError = 500;

// Where the bytes of one transfer go.
struct Sink {
  int fd = -1;  // or to `memory`
  Bytes memory = {};
  std::uint64_t room_bytes = 0;  // that may still come
  std::uint64_t taken_bytes = 0;
  bool too_long = false;
  int write_errno = 0;
  const std::function<void(std::uint64_t)>* on_bytes = nullptr;
};

std::size_t take_bytes(char* data, std::size_t /*one*/, std::size_t size, void* to) {
  auto* const sink = static_cast<Sink*>(to);
  if (size > sink->room_bytes) {
    sink->too_long = true;
    return 0;
  }
  const ByteView bytes = std::as_bytes(std::span(data, size));
  if (sink->fd < 0) {
    append_bytes(sink->memory, bytes);
  } else if (const auto written = write_all(sink->fd, bytes, "the cache"); !written) {
    sink->write_errno = written.error().os_errno;
    return 0;
  }
  sink->room_bytes -= size;
  sink->taken_bytes += size;
  if (sink->on_bytes != nullptr && *sink->on_bytes) (*sink->on_bytes)(size);
  return size;
}

struct Outcome {
  CURLcode code = CURLE_OK;
  long status = 0;  // of http
  std::string reason;

  bool missing() const {
    return (status >= 400 && status < kServerError && status != kRangeNotSatisfiable) ||
           code == CURLE_FILE_COULDNT_READ_FILE || code == CURLE_REMOTE_FILE_NOT_FOUND || code == CURLE_URL_MALFORMAT ||
           code == CURLE_UNSUPPORTED_PROTOCOL;
  }
};

Outcome transfer(CURL* curl, const std::string& url, std::uint64_t from, Sink& sink) {
  std::array<char, CURL_ERROR_SIZE> message{};
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectLimit_s);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallLimit_s);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "imakeep");
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(from));
  Outcome outcome{.code = curl_easy_perform(curl)};
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &outcome.status);
  outcome.reason = message[0] != '\0' ? message.data() : curl_easy_strerror(outcome.code);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  return outcome;
}

Result<std::string> sha256_of(const std::string& path) {
  IMAKEEP_TRY(const auto& fd, open_file(path, O_RDONLY));
  digest::Hasher hasher(digest::Algorithm::kSha256);
  Bytes block(std::size_t{1} << 20);
  for (;;) {
    IMAKEEP_TRY(const std::size_t got, read_some(fd.get(), block, path));
    if (got == 0) break;
    hasher.update(ByteView(block).first(got));
  }
  return to_hex(hasher.finish().view());
}

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

unexpected<Error> not_fetched(const std::string& url, const std::string& why, const std::string& remedy) {
  return fail(ErrorCode::kEnvironment, "cannot download " + printable(url) + ": " + printable(why) + "; " + remedy);
}

// One download. `part` holds the bytes that came so far.
struct Download {
  CURL* curl;
  Clock& clock;
  const Wanted& wanted;
  const std::string& part;
  const std::function<void(std::uint64_t)>& on_bytes;
  std::uint64_t downloaded_bytes = 0;

  Result<void> empty_part() const {
    if (::truncate(part.c_str(), 0) != 0) return fail_errno(errno, "cannot truncate " + part);
    return {};
  }

  // One transfer, from the end of `part` on.
  Result<Outcome> attempt(std::uint64_t begin) {
    IMAKEEP_TRY(const auto& fd, open_file(part, O_WRONLY | O_CREAT | O_APPEND, 0600));
    Sink sink{.fd = fd.get(), .room_bytes = wanted.bytes - begin, .on_bytes = &on_bytes};
    auto outcome = transfer(curl, wanted.url, begin, sink);
    downloaded_bytes += sink.taken_bytes;
    if (sink.write_errno != 0) return fail_errno(sink.write_errno, "cannot write " + part + ", so the download ends");
    if (sink.too_long) {
      IMAKEEP_CHECK(empty_part());
      return fail(ErrorCode::kMismatch, printable(wanted.url) + " has more than the " + std::to_string(wanted.bytes) +
                                            " bytes that the index names; use another mirror");
    }
    if (outcome.missing()) return not_fetched(wanted.url, outcome.reason, "use a mirror that has it");
    return outcome;
  }

  // Until `part` has all bytes.
  Result<void> complete() {
    std::uint64_t most = 0;
    for (int idle = 0;;) {
      std::uint64_t begin = size_of(part);
      if (begin == wanted.bytes) return {};
      if (begin > wanted.bytes) {
        IMAKEEP_CHECK(empty_part());
        begin = 0;
      }
      IMAKEEP_TRY(const auto& outcome, attempt(begin));
      const std::uint64_t now = size_of(part);
      if (now == wanted.bytes) return {};
      idle = now > most ? 1 : idle + 1;
      most = std::max(most, now);
      const bool ended = outcome.code == CURLE_OK;
      if (ended || outcome.code == CURLE_RANGE_ERROR || outcome.status == kRangeNotSatisfiable) {
        // The server has fewer bytes, or cannot continue.
        if (begin == 0) {
          return not_fetched(wanted.url,
                             "it ends after " + std::to_string(now) + " of " + std::to_string(wanted.bytes) + " bytes",
                             "use another mirror");
        }
        IMAKEEP_CHECK(empty_part());
      }
      if (idle >= kMostAttempts) {
        return not_fetched(wanted.url, outcome.reason, "run the command again, which continues, or use another mirror");
      }
      clock.sleep_ms(idle * kPause_ms);
    }
  }
};

}  // namespace

std::string url_below(const std::string& mirror, std::string_view path) {
  constexpr std::string_view kPlain = "-._~/+:@!$&'()*,;=";
  std::string url = mirror.starts_with('/') ? "file://" : mirror;
  const auto append = [&](std::string_view text) {
    for (const char c : text) {
      const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         kPlain.find(c) != std::string_view::npos;
      if (plain) {
        url += c;
      } else {
        url += '%';
        append_hex(url, std::as_bytes(std::span(&c, 1)));
      }
    }
  };
  if (mirror.starts_with('/')) append(mirror);
  if (!url.ends_with('/')) url += '/';
  append(path);
  return url;
}

Fetcher::Fetcher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Fetcher::~Fetcher() = default;

Result<std::unique_ptr<Fetcher>> Fetcher::open(const std::string& directory, Clock& clock) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return fail_errno(failed.value(), "cannot create the cache " + directory);
  auto state = std::make_unique<State>();
  state->directory = directory;
  state->clock = &clock;
  state->curl = curl_easy_init();
  if (state->curl == nullptr) return fail(ErrorCode::kEnvironment, "libcurl cannot be used");
  return std::unique_ptr<Fetcher>(new Fetcher(std::move(state)));
}

Result<std::string> Fetcher::fetch(const Wanted& wanted, const std::function<void(std::uint64_t)>& on_bytes) {
  const std::string path = state_->directory + "/" + wanted.sha256;
  if (size_of(path) == wanted.bytes && wanted.bytes > 0) {
    IMAKEEP_TRY(const auto& cached, sha256_of(path));
    if (cached == wanted.sha256) {
      if (on_bytes) on_bytes(wanted.bytes);
      return path;
    }
  }
  const std::string part = path + ".part";
  bool resumed = size_of(part) > 0;
  for (;;) {
    Download download{
        .curl = state_->curl, .clock = *state_->clock, .wanted = wanted, .part = part, .on_bytes = on_bytes};
    const auto completed = download.complete();
    state_->downloaded_bytes += download.downloaded_bytes;
    IMAKEEP_CHECK(completed);
    IMAKEEP_TRY(const auto& sha256, sha256_of(part));
    if (sha256 == wanted.sha256) break;
    ::unlink(part.c_str());
    if (!resumed) {
      return fail(ErrorCode::kMismatch, printable(wanted.url) + " has the SHA-256 " + sha256 +
                                            ", and the index names " + wanted.sha256 + "; use another mirror");
    }
    resumed = false;
  }
  if (::rename(part.c_str(), path.c_str()) != 0) return fail_errno(errno, "cannot rename " + part);
  return path;
}

Result<Bytes> Fetcher::fetch_unknown(const std::string& url, std::uint64_t most_bytes) {
  for (int attempt = 1;; ++attempt) {
    Sink sink{.room_bytes = most_bytes};
    const Outcome outcome = transfer(state_->curl, url, 0, sink);
    state_->downloaded_bytes += sink.taken_bytes;
    if (outcome.code == CURLE_OK) return std::move(sink.memory);
    if (sink.too_long) {
      return fail(ErrorCode::kUnsupported, printable(url) + " has more than " + std::to_string(most_bytes) + " bytes");
    }
    if (outcome.missing()) return not_fetched(url, outcome.reason, "correct the source, or use another mirror");
    if (attempt >= kMostAttempts)
      return not_fetched(url, outcome.reason, "run the command again, or use another mirror");
    state_->clock->sleep_ms(attempt * kPause_ms);
  }
}

std::uint64_t Fetcher::downloaded_bytes() const {
  return state_->downloaded_bytes;
}

}  // namespace imakeep::debian
