// SPDX-License-Identifier: Apache-2.0
// keeper/faulty/faulty_ima_source.h - an IMA directory whose calls a test can watch and make fail, before or after they
// take effect. For tests of code that uses the seam.
// Threads: as keeper::ImaSource.
#pragma once

#include <functional>
#include <optional>

#include "keeper/ima_source.h"

namespace imakeep::keeper {

enum class ImaCall : std::uint8_t { kOpenToRead, kOpenToWrite, kRead, kRequest, kCount };
enum class CallPoint : std::uint8_t { kBefore, kAfter };

class FaultyImaSource : public ImaSource {
 public:
  // Called before each call of the source, and after each that succeeded. If it returns an error, the call returns that
  // error. With kBefore the call has had no effect; with kAfter it has. May throw, to act as a process that dies there.
  using Watch = std::function<std::optional<Error>(ImaCall call, CallPoint point, const std::string& request)>;
  // Changes the bytes that a read returned.
  using Alter = std::function<void(ListPart part, std::uint64_t offset, std::span<std::byte> bytes)>;

  // Keeps a reference to `inner`, and closes it on destruction.
  explicit FaultyImaSource(ImaSource& inner) : inner_(inner) {}
  ~FaultyImaSource() override { inner_.close(); }

  void watch(Watch watch) { watch_ = std::move(watch); }
  void alter(Alter alter) { alter_ = std::move(alter); }
  // Limits each read to `most` bytes.
  void shorten_reads(std::size_t most) { most_ = most; }

  const std::string& name() const override { return inner_.name(); }
  const std::vector<digest::Bank>& banks() const override { return inner_.banks(); }
  const digest::Bank& bank() const override { return inner_.bank(); }
  bool has_staging() const override { return inner_.has_staging(); }
  bool takes_numbers() const override { return inner_.takes_numbers(); }
  std::string boot_id() override { return inner_.boot_id(); }
  Result<void> open_to_read() override;
  Result<void> open_to_write(ListPart part) override;
  void close() noexcept override;
  Result<std::size_t> read(ListPart part, std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> request(const std::string& text) override;
  Result<std::uint64_t> count() override;
  Result<std::uint64_t> violations() override { return inner_.violations(); }
  std::uint64_t bytes_seen() const override { return inner_.bytes_seen(); }

 private:
  std::optional<Error> tell(ImaCall call, CallPoint point, const std::string& request = {});
  template <class Call>
  auto watched(ImaCall call, const std::string& request, Call&& inner_call) -> decltype(inner_call());

  ImaSource& inner_;
  Watch watch_;
  Alter alter_;
  std::optional<std::size_t> most_;
};

}  // namespace imakeep::keeper
