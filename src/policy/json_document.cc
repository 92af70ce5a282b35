// SPDX-License-Identifier: Apache-2.0
#include "policy/json_document.h"

#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace imakeep::policy {

using nlohmann::json;

Error at_pointer(ErrorCode code, const std::string& pointer, const std::string& reason, const std::string& remedy) {
  return {.code = code, .message = (pointer.empty() ? "(top)" : pointer) + ": " + reason + "; " + remedy};
}

std::string pointer_to(const std::string& pointer, std::string_view member) {
  constexpr std::size_t kMostShown = 200;
  std::string escaped;
  for (const char c : member.substr(0, kMostShown)) {
    if (c == '~') {
      escaped += "~0";
    } else if (c == '/') {
      escaped += "~1";
    } else {
      escaped += c;
    }
  }
  return pointer + "/" + printable(escaped) + (member.size() > kMostShown ? "..." : "");
}

std::string pointer_to(const std::string& pointer, std::size_t index) {
  return pointer + "/" + std::to_string(index);
}

namespace {

std::string remedy_for_depth(const Limits& limits) {
  return "at most " + std::to_string(limits.most_depth) + " are allowed";
}

// Gets the parts of the text one after the other from nlohmann's parser. Each function returns whether to go on.
class Events {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  Events(const MemberPlan& plan, const Limits& limits, std::string pointer)
      : plan_(plan), limits_(limits), base_(std::move(pointer)) {}

  bool null() { return value(json(nullptr)); }
  bool boolean(bool is) { return value(json(is)); }
  bool number_integer(number_integer_t number) { return value(json(number)); }
  bool number_unsigned(number_unsigned_t number) { return value(json(number)); }
  bool number_float(number_float_t number, const string_t& /*text*/) { return value(json(number)); }
  bool string(string_t& text) {
    if (use_ != MemberUse::kMap) return value(json(std::move(text)));
    if (frames_.size() != 3) return bad_map();
    if (auto taken = plan_.on_text(member_, text); !taken) {
      Error error = std::move(taken).error();
      error.message = pointer() + ": " + error.message;
      return stop(std::move(error));
    }
    return next();
  }
  bool binary(binary_t& /*bytes*/) { return value(json(nullptr)); }

  bool start_object(std::size_t /*elements*/) { return open(true); }
  bool start_array(std::size_t /*elements*/) { return open(false); }
  bool end_object() { return close(); }
  bool end_array() {
    if (use_ == MemberUse::kMap && frames_.size() == 3 && frames_.back().index == 0) {
      frames_.pop_back();
      return stop(
          at_pointer(ErrorCode::kMalformed, pointer(), "the array is empty", "name a digest, or leave the member out"));
    }
    return close();
  }

  bool key(string_t& name) {
    Frame& frame = frames_.back();
    const bool in_map = use_ == MemberUse::kMap && frames_.size() == 2;
    frame.key = name;
    if (!in_map && !frame.keys.insert(name).second) {
      return stop(at_pointer(ErrorCode::kMalformed, pointer(), "the member is there twice", "leave one out"));
    }
    if (frames_.size() == 1) {
      member_ = name;
      use_ = plan_.use_of(name);
    } else if (in_map) {
      plan_.on_name(member_, std::move(name));
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const json::exception& error) {
    std::string what = error.what();
    // Without nlohmann's name of the error: "[json.exception.parse_error.101] ".
    if (const std::size_t end = what.find("] "); what.starts_with('[') && end != std::string::npos) {
      what = what.substr(end + 2);
    }
    Error refused = at_pointer(ErrorCode::kMalformed, base_, "no JSON: " + printable(what), "correct the text");
    refused.offset = position;
    return stop(std::move(refused));
  }

  Result<json> result() && {
    if (error_) return unexpected(std::move(*error_));
    return std::move(root_);
  }

 private:
  struct Frame {
    bool object = false;
    json* node = nullptr;   // where to put values; nullptr: nowhere
    std::string key = {};   // of the member that is read
    std::size_t index = 0;  // of the next element
    std::set<std::string> keys = {};
  };

  bool stop(Error error) {
    if (!error_) error_ = std::move(error);
    return false;
  }

  std::string pointer() const {
    std::string text = base_;
    for (const Frame& frame : frames_) {
      text = frame.object ? pointer_to(text, frame.key) : pointer_to(text, frame.index);
    }
    return text;
  }

  bool bad_map() {
    constexpr const char* kShapes[] = {"an object is needed here", "an array is needed here", "a text is needed here"};
    const std::size_t depth = std::min<std::size_t>(frames_.size(), 3) - 1;
    return stop(at_pointer(ErrorCode::kMalformed, pointer(), kShapes[depth],
                           "write it as {\"" + member_ + "\": {NAME: [DIGEST, ...]}}"));
  }

  bool count_value() {
    if (++values_ <= limits_.most_values) return true;
    return stop(at_pointer(ErrorCode::kUnsupported, pointer(), "too many values",
                           "at most " + std::to_string(limits_.most_values) + " are allowed outside the digests"));
  }

  // Puts the value in its place, and returns it.
  json* place(json value) {
    Frame& frame = frames_.back();
    if (frame.node == nullptr || (frames_.size() == 1 && use_ != MemberUse::kKeep)) return nullptr;
    if (frame.object) return &((*frame.node)[frame.key] = std::move(value));
    frame.node->push_back(std::move(value));
    return &frame.node->back();
  }

  bool next() {
    if (!frames_.back().object) ++frames_.back().index;
    return true;
  }

  bool not_an_object() {
    return stop(at_pointer(ErrorCode::kMalformed, base_, "not an object", "give a JSON object: {...}"));
  }

  bool value(json value) {
    if (frames_.empty()) return not_an_object();
    if (use_ == MemberUse::kMap) return bad_map();
    if (!count_value()) return false;
    place(std::move(value));
    return next();
  }

  bool open(bool object) {
    if (frames_.empty()) {
      if (!object) return not_an_object();
      frames_.push_back({.object = true, .node = &root_});
      return true;
    }
    if (frames_.size() >= limits_.most_depth) {
      return stop(at_pointer(ErrorCode::kUnsupported, pointer(), "too many levels of objects and arrays",
                             remedy_for_depth(limits_)));
    }
    json* node = nullptr;
    if (use_ == MemberUse::kMap) {
      if (object != (frames_.size() == 1) || frames_.size() == 3) return bad_map();
    } else {
      if (!count_value()) return false;
      node = place(object ? json::object() : json::array());
    }
    frames_.push_back({.object = object, .node = node});
    return true;
  }

  bool close() {
    frames_.pop_back();
    return frames_.empty() || next();
  }

  const MemberPlan& plan_;
  const Limits& limits_;
  std::string base_;
  json root_ = json::object();
  std::vector<Frame> frames_;
  std::string member_;  // of the document
  MemberUse use_ = MemberUse::kSkip;
  std::size_t values_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<json> read_json(ByteView text, const MemberPlan& plan, const Limits& limits, const std::string& pointer) {
  Events events(plan, limits, pointer);
  const std::string_view characters = as_text(text);
  static_cast<void>(json::sax_parse(characters.begin(), characters.end(), &events));
  return std::move(events).result();
}

}  // namespace imakeep::policy
