// SPDX-License-Identifier: Apache-2.0
#include "keeper/faulty/faulty_ima_source.h"

#include <algorithm>

namespace imakeep::keeper {

std::optional<Error> FaultyImaSource::tell(ImaCall call, CallPoint point, const std::string& request) {
  return watch_ ? watch_(call, point, request) : std::nullopt;
}

template <class Call>
auto FaultyImaSource::watched(ImaCall call, const std::string& request, Call&& inner_call) -> decltype(inner_call()) {
  if (auto error = tell(call, CallPoint::kBefore, request)) return unexpected(std::move(*error));
  auto result = inner_call();
  if (!result) return result;
  if (auto error = tell(call, CallPoint::kAfter, request)) return unexpected(std::move(*error));
  return result;
}

Result<void> FaultyImaSource::open_to_read() {
  auto opened = watched(ImaCall::kOpenToRead, {}, [this] { return inner_.open_to_read(); });
  if (!opened) inner_.close();
  return opened;
}

Result<void> FaultyImaSource::open_to_write(ListPart part) {
  auto opened = watched(ImaCall::kOpenToWrite, {}, [&] { return inner_.open_to_write(part); });
  if (!opened) inner_.close();
  return opened;
}

void FaultyImaSource::close() noexcept {
  inner_.close();
}

Result<std::size_t> FaultyImaSource::read(ListPart part, std::uint64_t offset, std::span<std::byte> into) {
  auto read = watched(ImaCall::kRead, {}, [&] {
    return inner_.read(part, offset, into.first(std::min(into.size(), most_.value_or(into.size()))));
  });
  if (read && alter_) alter_(part, offset, into.first(*read));
  return read;
}

Result<void> FaultyImaSource::request(const std::string& text) {
  return watched(ImaCall::kRequest, text, [&] { return inner_.request(text); });
}

Result<std::uint64_t> FaultyImaSource::count() {
  return watched(ImaCall::kCount, {}, [this] { return inner_.count(); });
}

}  // namespace imakeep::keeper
