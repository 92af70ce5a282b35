// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/terminal.h"

namespace imakeep::cli {
namespace {

constexpr char kNotEmpty[] = "not empty";  // name of the validator

// Returns the callback that CLI11 calls with the arguments of an option that takes one. CLI11 prefixes the message of a
// daemon::refusal with "NAME: ".
template <class Value, class Parse>
CLI::callback_t parse_into(const std::string& name, Value& value, Parse parse) {
  return [name, &value, parse](const CLI::results_t& arguments) {
    const auto parsed = parse(arguments.front());
    if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
    value = static_cast<Value>(*parsed);
    return true;
  };
}

// CLI11 does not call this validator if an option with an optional value is given without one.
const CLI::Validator& not_empty() {
  static const CLI::Validator validator(
      [](std::string& text) {
        return text.empty() ? std::string("the value is empty; give one, or leave out the option") : std::string();
      },
      "");
  return validator;
}

CLI::Option* text_option(CLI::Option* option) {
  return option->check(not_empty(), kNotEmpty);
}

// Returns the exit code if no action is to run: after --help, after --version, and after refused arguments.
std::optional<int> read_arguments(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  } catch (const std::logic_error&) {
    // CLI11 does not catch what std::stoll throws for a flag's value: std::invalid_argument or std::out_of_range.
    std::fprintf(stderr, "imakeep: a flag takes true or false, or nothing; see --help\n");
    return kWrongUsage;
  }
  return std::nullopt;
}

// Describes an exception that no command caught. A library's own text would not help a user of imakeep.
std::string message_of(const std::exception& error) {
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                         dynamic_cast<const std::length_error*>(&error) != nullptr;
  if (no_memory) return "not enough memory for this command";
  if (const auto* const system = dynamic_cast<const std::system_error*>(&error)) {
    return "the system refused an operation that this command needs: " + system->code().message();
  }
  if (dynamic_cast<const nlohmann::json::exception*>(&error) != nullptr) {
    return "an answer on the control socket has a member that is missing or has the wrong type: name the socket of "
           "`list serve` or of a keeper";
  }
  return "a defect of imakeep ended this command; please report the command line";
}

}  // namespace

// ---- Option

Option Option::required() const {
  option_->required();
  return *this;
}

Option Option::value_name(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

Option Option::one_of(const std::vector<std::string>& values) const {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option Option::show_default() const {
  option_->capture_default_str();
  return *this;
}

Option Option::value_is_optional() const {
  option_->expected(0, 1);
  return *this;
}

Option Option::one_value_each() const {
  option_->expected(1)->take_all();
  option_->allow_extra_args(false);
  return *this;
}

Option Option::value_may_be_empty() const {
  option_->get_validator(kNotEmpty)->active(false);
  return *this;
}

Option Option::needs(const Option& other) const {
  option_->needs(other.option_);
  return *this;
}

Option Option::excludes(const Option& other) const {
  option_->excludes(other.option_);
  return *this;
}

bool Option::given() const {
  return option_->count() > 0;
}

// ---- Command

Command Command::add_command(const std::string& name, const std::string& help) const {
  return {app_->add_subcommand(name, help), chosen_};
}

void Command::require_command() const {
  app_->require_subcommand(1);
}

void Command::set_action(std::function<int()> action) const {
  app_->callback([app = app_, chosen = chosen_, action = std::move(action)] {
    if (app->get_subcommands().empty()) *chosen = action;
  });
}

Option Command::add_option(const std::string& name, std::string& value, const std::string& help) const {
  return Option(text_option(app_->add_option(name, value, help)));
}

Option Command::add_option(const std::string& name, std::optional<std::string>& value, const std::string& help) const {
  return Option(text_option(app_->add_option(name, value, help)));
}

Option Command::add_option(const std::string& name, std::vector<std::string>& values, const std::string& help) const {
  CLI::Option* const option = text_option(app_->add_option(name, values, help));
  // One value each time, so that "--skip /a DIR" is an option and an argument.
  if (name.starts_with('-')) option->allow_extra_args(false);
  return Option(option);
}

Option Command::add_option(const std::string& name, const std::function<void(const std::string&)>& take,
                           const std::string& help) const {
  return Option(text_option(app_->add_option_function<std::string>(name, take, help)->take_last()));
}

Option Command::add_count(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help) const {
  const auto parse = [](const std::string& text) { return parse_count(text); };
  return Option(app_->add_option(name, parse_into(name, value, parse), help)->type_name("UINT"));
}

Option Command::add_count(const std::string& name, const std::function<void(std::uint64_t)>& take,
                          const std::string& help) const {
  const auto taken = [name, take](const CLI::results_t& arguments) {
    std::uint64_t count = 0;
    const auto parse = [](const std::string& text) { return parse_count(text); };
    const bool parsed = parse_into(name, count, parse)(arguments);
    take(count);
    return parsed;
  };
  return Option(app_->add_option(name, taken, help)->type_name("UINT"));
}

Option Command::add_count(const std::string& name, std::uint32_t& value, CountRange range,
                          const std::string& help) const {
  const auto parse = [range](const std::string& text) { return parse_count(text, range); };
  const auto shown = [&value] { return std::to_string(value); };
  const std::string values = std::to_string(range.min) + " - " + std::to_string(range.max);
  return Option(app_->add_option(name, parse_into(name, value, parse), help, false, shown)
                    ->type_name("UINT in [" + values + "]"));
}

Option Command::add_duration(const std::string& name, std::optional<std::int64_t>& value_ms,
                             const std::string& help) const {
  const auto parse = [](const std::string& text) { return parse_duration_ms(text); };
  return Option(app_->add_option(name, parse_into(name, value_ms, parse), help)->type_name("TIME"));
}

Option Command::add_size(const std::string& name, std::optional<std::uint64_t>& value_bytes,
                         const std::string& help) const {
  const auto parse = [](const std::string& text) { return parse_size_bytes(text); };
  return Option(app_->add_option(name, parse_into(name, value_bytes, parse), help)->type_name("SIZE"));
}

Option Command::add_flag(const std::string& name, bool& value, const std::string& help) const {
  return Option(app_->add_flag(name, value, help));
}

Option Command::add_switch(const std::string& name, std::function<void(bool)> take, const std::string& help) const {
  const std::string both = name + ",!--no" + name.substr(1);
  const auto given = [take = std::move(take)](std::int64_t count) { take(count > 0); };
  return Option(app_->add_flag_function(both, given, help)->take_last());
}

// ---- CommandLine

struct CommandLine::State {
  State(const std::string& program, const std::string& help) : app(help, program) {}

  CLI::App app;
  std::function<int()> chosen;
};

CommandLine::CommandLine(const std::string& program, const std::string& help, const std::string& version)
    : state_(std::make_unique<State>(program, help)) {
  state_->app.set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() {
  return {&state_->app, &state_->chosen};
}

int CommandLine::run(int argc, const char* const* argv) {
  try {
    if (const auto ended = read_arguments(state_->app, argc, argv)) return *ended;
    return state_->chosen ? state_->chosen() : kDone;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "imakeep: %s\n", printable(message_of(error)).c_str());
    return kEnvironmentForbids;
  }
}

}  // namespace imakeep::cli
