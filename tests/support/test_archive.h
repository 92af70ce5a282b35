// SPDX-License-Identifier: Apache-2.0
// support/test_archive.h - archives in memory with records that a test describes. Threads: no shared state.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "archive/memory/memory_store.h"
#include "archive/test_support.h"
#include "imalog/template_data.h"

namespace imakeep::test {

// A record to be archived.
struct Event {
  std::string path;
  std::string content = {};  // of the file; empty: the record is a violation
  std::string template_name = "ima-ng";
  std::uint32_t pcr = 10;
  std::string buffer = {};
  std::string signature = {};
  std::string digest_type = "ima";
};

inline Bytes body_of(const Event& event) {
  const digest::Digest digest = digest::hash(digest::Algorithm::kSha256, as_bytes(event.content));
  const digest::Digest plain = digest::hash(digest::Algorithm::kSha1, as_bytes(event.content));
  imalog::EventView view = {.path = event.path, .digest_type = event.digest_type};
  view.is_file = event.buffer.empty();
  if (!event.content.empty()) {
    view.file_digest = digest.view();
    view.plain_file_digest = plain.view();
  }
  view.signature = as_bytes(event.signature);
  view.buffer = as_bytes(event.buffer);
  view.uid = 1000;
  view.gid = 100;
  view.mode = 0100755;
  return imalog::test::must(imalog::make_body(event.template_name, view));
}

inline imalog::RecordContentView content_of(const Event& event, const Bytes& body) {
  return {.pcr = event.pcr, .template_name = event.template_name, .body = body, .violation = event.content.empty()};
}

inline std::string sha256_of(const std::string& content) {
  return "sha256:" + to_hex(digest::hash(digest::Algorithm::kSha256, as_bytes(content)).view());
}

// Lets a test change the archive after a reader has read its chains, and before it reads them again.
class HookedStore : public archive::MemoryStore {
 public:
  archive::ChainListing chain_listing() override {
    auto listing = MemoryStore::chain_listing();
    if (const auto hook = std::exchange(after_next_listing, nullptr)) hook();
    return listing;
  }

  std::function<void()> after_next_listing;
};

class TestArchive {
 public:
  archive::ChainId begin_chain() {
    return imalog::test::must(archive_.begin_chain(imalog::test::banks("sha1,sha256"), archive::ChainStart::kBoot))
        .chain;
  }

  void append(archive::ChainId chain, const std::deque<Event>& events, std::int64_t now_s,
              const archive::AppendOptions& options = {}) {
    const std::uint64_t first = imalog::test::must(archive_.chain(chain)).end;
    std::deque<Bytes> bodies;
    std::deque<digest::Digest> digests;
    std::vector<archive::IncomingView> records;
    const digest::Bank bank = imalog::test::bank("sha1");
    for (const Event& event : events) {
      bodies.push_back(body_of(event));
      const auto content = content_of(event, bodies.back());
      digests.push_back(archive::shown_digest(bank, {.content = content}));
      records.push_back({.content = content, .shown = digests.back().view()});
    }
    imalog::test::must(archive_.append(chain, first, records, bank, now_s, options));
  }

  archive::Archive& archive() { return archive_; }
  HookedStore& store() { return store_; }
  archive::Chain chain(archive::ChainId id) { return imalog::test::must(archive_.chain(id)); }

 private:
  HookedStore store_;
  archive::Archive archive_{store_};
};

// An event whose record fills a segment, so that the next record begins a new one.
inline Event large(const std::string& name) {
  return {.path = name, .content = name, .template_name = "ima-buf", .buffer = std::string(132'000, 'x')};
}

}  // namespace imakeep::test
