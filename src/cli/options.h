// SPDX-License-Identifier: Apache-2.0
// cli/options.h - the command line: commands, their options, and the actions that run once the arguments are read.
//
// CLI11 does the work. It is slow to compile, so only options.cc includes it.
//
// An option's name begins with a dash: "--json", "-0". A name without one is that of a positional argument: "FILE".
// Every `value` must live until CommandLine::run() returns. The value of an option that is not given stays as it was.
// Threads: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/number.h"
#include "base/quantity.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace imakeep::cli {

// One option or flag. A handle: copies are the same option. It lives as long as its CommandLine.
class Option {
 public:
  Option required() const;
  Option value_name(const std::string& name) const;             // in --help: "FILE"
  Option one_of(const std::vector<std::string>& values) const;  // refuses others; --help shows the values
  Option show_default() const;                                  // --help shows the current value
  Option value_is_optional() const;                             // the option may be given without a value
  Option one_value_each() const;                                // takes one value, and may be given several times
  Option value_may_be_empty() const;                            // accepts an empty text too
  Option needs(const Option& other) const;                      // refused without the other
  Option excludes(const Option& other) const;                   // refused together with the other

  bool given() const;  // REQUIRES: the arguments are read; so for use in actions

 private:
  friend class Command;
  explicit Option(CLI::Option* option) : option_(option) {}

  CLI::Option* option_;
};

// One command. A handle: copies are the same command. It lives as long as its CommandLine.
class Command {
 public:
  Command add_command(const std::string& name, const std::string& help) const;
  void require_command() const;  // refuses the command alone, without one of those added to it
  // Runs after every argument is read, unless a command added to this one was given. Returns the exit code.
  void set_action(std::function<int()> action) const;

  // Text, as it was given. The vector takes several: an argument all that follow, an option
  // one each time it is given. An empty text is refused, because it is most likely a shell
  // variable that was not set: "--quote $unset" must not pass for a check without a quote.
  Option add_option(const std::string& name, std::string& value, const std::string& help) const;
  Option add_option(const std::string& name, std::optional<std::string>& value, const std::string& help) const;
  Option add_option(const std::string& name, std::vector<std::string>& values, const std::string& help) const;
  // Calls `take` with the text. If the option is given several times, the last value counts.
  Option add_option(const std::string& name, const std::function<void(const std::string&)>& take,
                    const std::string& help) const;

  // Quantities, as in quantity.h.
  Option add_count(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help) const;
  // The same for a count that is a number of its own type.
  template <class Tag>
  Option add_count(const std::string& name, std::optional<Number<Tag>>& value, const std::string& help) const {
    return add_count(
        name, [&value](std::uint64_t count) { value = Number<Tag>(count); }, help);
  }
  Option add_count(const std::string& name, const std::function<void(std::uint64_t)>& take,
                   const std::string& help) const;
  // REQUIRES: range.max fits the value.
  Option add_count(const std::string& name, std::uint32_t& value, CountRange range, const std::string& help) const;
  Option add_duration(const std::string& name, std::optional<std::int64_t>& value_ms, const std::string& help) const;
  Option add_size(const std::string& name, std::optional<std::uint64_t>& value_bytes, const std::string& help) const;

  Option add_flag(const std::string& name, bool& value, const std::string& help) const;
  // Adds "--bind" and "--no-bind"; the last one given counts.
  Option add_switch(const std::string& name, std::function<void(bool)> take, const std::string& help) const;

 private:
  friend class CommandLine;
  Command(CLI::App* app, std::function<int()>* chosen) : app_(app), chosen_(chosen) {}

  CLI::App* app_;
  std::function<int()>* chosen_;  // CommandLine's: the action to run
};

// The whole command line: owns every command and option.
class CommandLine {
 public:
  // `version` is what --version prints.
  CommandLine(const std::string& program, const std::string& help, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command root();

  // Reads the arguments and runs the action of the command that they name. Returns the action's exit code, or kDone
  // after --help and --version. If an argument is refused: says so on standard error and returns kWrongUsage. If the
  // action throws: prints the exception on standard error and returns kEnvironmentForbids.
  int run(int argc, const char* const* argv);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imakeep::cli
