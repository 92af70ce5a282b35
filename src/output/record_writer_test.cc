// SPDX-License-Identifier: Apache-2.0
#include "output/record_writer.h"

#include <gtest/gtest.h>

namespace imakeep::output {
namespace record_writer_test {

// Prints that text for every record, and says that it failed if it has none.
class TextWriter : public RecordWriter {
 public:
  explicit TextWriter(std::string text) : text_(std::move(text)) {}
  Result<void> append(std::string& out, const archive::NumberedRecord&) override {
    out += text_;
    return text_.empty() ? Result<void>(fail(ErrorCode::kMalformed, "no text")) : Result<void>();
  }

 private:
  const std::string text_;
};

std::string escaped(const std::string& text) {
  std::string out;
  const auto writer = escape_for_terminal(std::make_unique<TextWriter>(text));
  EXPECT_TRUE(writer->append(out, {}));
  EXPECT_TRUE(writer->append(out, {}));
  return out;
}

TEST(EscapeForTerminal, KeepsALineARecord) {
  EXPECT_EQ(escaped("10 ab ima-ng /a\n"), "10 ab ima-ng /a\n10 ab ima-ng /a\n");
}

TEST(EscapeForTerminal, EscapesWhatATerminalObeysWithinALine) {
  EXPECT_EQ(escaped("/a\x1b[2J\nb\n"), "/a\\x1b[2J\\x0ab\n/a\\x1b[2J\\x0ab\n");
}

TEST(EscapeForTerminal, PassesOnThatARecordCannotBeShown) {
  std::string out;
  const auto writer = escape_for_terminal(std::make_unique<TextWriter>(""));
  EXPECT_EQ(writer->append(out, {}).error().message, "no text");
  EXPECT_EQ(out, "");
}

}  // namespace record_writer_test
}  // namespace imakeep::output
