// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/freed_by.h"
#include "base/text.h"

namespace imakeep::http {
namespace {

using Curl = std::unique_ptr<CURL, FreedBy<curl_easy_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, FreedBy<curl_slist_free_all>>;

// One request, as libcurl's callbacks see it.
struct Transfer {
  Answer answer;
  std::size_t most_bytes = 0;
  bool too_large = false;
  BodySource body;
  std::optional<Error> source_failed;
};

std::size_t take_answer(char* data, std::size_t size, std::size_t count, void* at) {
  auto& transfer = *static_cast<Transfer*>(at);
  const std::size_t bytes = size * count;
  if (bytes > transfer.most_bytes - transfer.answer.body.size()) {
    transfer.too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer.answer.body.append(data, bytes);
  return bytes;
}

std::size_t give_body(char* room, std::size_t size, std::size_t count, void* at) {
  auto& transfer = *static_cast<Transfer*>(at);
  const auto bytes = transfer.body(std::as_writable_bytes(std::span(room, size * count)));
  if (bytes) return *bytes;
  transfer.source_failed = bytes.error();
  return CURL_READFUNC_ABORT;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* at) {
  constexpr std::string_view kRetryAfter = "retry-after:";
  std::string line(data, size * count);
  std::ranges::transform(line, line.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (line.starts_with(kRetryAfter)) {
    const char* const begin = line.data() + std::min(line.find_first_not_of(" \t", kRetryAfter.size()), line.size());
    unsigned seconds = 0;
    if (std::from_chars(begin, line.data() + line.size(), seconds).ec == std::errc()) {
      static_cast<Transfer*>(at)->answer.retry_after = std::chrono::seconds(seconds);
    }
  }
  return size * count;
}

class CurlClient : public Client {
 public:
  CurlClient(ClientOptions options, Curl curl) : options_(std::move(options)), curl_(std::move(curl)) {}

  Result<Answer> send(const std::string& method, const std::string& path, const std::string& content_type,
                      BodySource body) override {
    CURL* const curl = curl_.get();
    const std::string url = options_.base_url + path;
    std::array<char, CURL_ERROR_SIZE> message{};
    Transfer transfer{.most_bytes = options_.most_response_bytes, .body = std::move(body)};
    curl_easy_reset(curl);
    set_up_connection(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    HeaderList headers;
    const auto add = [&headers](const std::string& line) {
      curl_slist* const longer = curl_slist_append(headers.get(), line.c_str());
      static_cast<void>(headers.release());
      headers.reset(longer);
    };
    for (const std::string& line : options_.headers) add(line);
    if (transfer.body) {
      add("Content-Type: " + content_type);
      add("Transfer-Encoding: chunked");
      add("Expect:");
      curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
      curl_easy_setopt(curl, CURLOPT_READDATA, &transfer);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (transfer.source_failed) return unexpected(*transfer.source_failed);
    if (transfer.too_large) {
      return fail(ErrorCode::kMalformed,
                  url + ": the answer has more than " + std::to_string(options_.most_response_bytes) + " bytes");
    }
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    // A server that refuses a body in its middle may close the connection after its answer.
    if (code != CURLE_OK && !(code == CURLE_SEND_ERROR && status >= 400)) {
      return fail(ErrorCode::kEnvironment,
                  url + ": " + printable(message[0] != '\0' ? message.data() : curl_easy_strerror(code)));
    }
    transfer.answer.status = static_cast<int>(status);
    const char* type = nullptr;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    transfer.answer.content_type = type == nullptr ? "" : type;
    return std::move(transfer.answer);
  }

 private:
  void set_up_connection(CURL* curl) const {
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, options_.unix_path.empty() ? "https" : "http");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect.count()));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.stall.count() / 1000));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "imakeep");
    if (total_.count() > 0) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(total_.count()));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
    if (!options_.unix_path.empty()) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, options_.unix_path.c_str());
    if (!options_.authorities.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.authorities.c_str());
    if (!options_.pin.empty()) {
      // The key itself is compared, so neither an authority nor a name says more.
      curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, options_.pin.c_str());
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  const ClientOptions options_;
  const Curl curl_;
};

}  // namespace

Result<std::unique_ptr<Client>> Client::make(ClientOptions options) {
  if (options.unix_path.empty() && !options.base_url.starts_with("https://")) {
    return fail(ErrorCode::kUsage,
                "\"" + printable(options.base_url) + "\" is no address of a verifier; it begins with https://");
  }
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  static const CURLcode began = curl_global_init(CURL_GLOBAL_DEFAULT);
  Curl curl(began == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) return fail(ErrorCode::kEnvironment, "libcurl cannot begin: no memory is left");
  return std::make_unique<CurlClient>(std::move(options), std::move(curl));
}

Result<Answer> Client::get(const std::string& path) {
  return send("GET", path, "", nullptr);
}

Result<Answer> Client::post(const std::string& path, const std::string& content_type, const std::string& body) {
  return send("POST", path, content_type, source_of(body));
}

BodySource source_of(std::string_view text) {
  return [rest = text](std::span<std::byte> room) mutable -> Result<std::size_t> {
    const std::size_t bytes = std::min(room.size(), rest.size());
    std::ranges::copy(as_bytes(rest.substr(0, bytes)), room.begin());
    rest.remove_prefix(bytes);
    return bytes;
  };
}

}  // namespace imakeep::http
