// SPDX-License-Identifier: Apache-2.0
// The keeper is stopped before and after every effect it has on the world (open, count, read, request, reading the
// PCRs, commit), by a crash or by an error, and started again. Nothing may be lost, kept twice or blamed on others.
#include <gmock/gmock.h>

#include "scenario/keeper_world.h"

namespace imakeep::keeper::test {
namespace {

using mlist::test::ima_ng;
using mlist::test::must;

// Events on the machine between two steps of the keeper, and the calls of the keeper after them.
struct Step {
  std::function<void(Machine&)> happens;
  bool trims = false;
};

struct Scenario {
  std::string name;
  MachineOptions machine;
  Method method = Method::kAuto;
  std::vector<Step> steps;
};

std::function<void(Machine&)> add(int first, int count) {
  return [=](Machine& machine) {
    for (int i = first; i < first + count; ++i) machine.add(ima_ng("/" + std::to_string(i)));
  };
}

std::function<void(Machine&)> violate(int count) {
  return [=](Machine& machine) {
    for (int i = 0; i < count; ++i) machine.add(violation("/same"));
  };
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const Method method : {Method::kStage, Method::kCount}) {
    const std::string name = method == Method::kStage ? "stage" : "count";
    all.push_back({.name = name,
                   .machine = {},
                   .method = method,
                   .steps = {{add(0, 3)}, {add(3, 2), true}, {add(5, 3), true}, {add(8, 1)}, {add(9, 2), true}}});
    all.push_back({.name = name + ", records that repeat",
                   .machine = {},
                   .method = method,
                   .steps = {{violate(3)}, {violate(2), true}, {violate(1), true}, {violate(3), true}}});
    all.push_back({.name = name + ", others staged",
                   .machine = {},
                   .method = method,
                   .steps = {{add(0, 3)},
                             {[](Machine& machine) { machine.other(ListPart::kStaged, "A\n"); }, true},
                             {add(3, 3), true}}});
    all.push_back(
        {.name = name + ", kexec",
         .machine = {},
         .method = method,
         .steps = {{add(0, 3), true}, {add(3, 2)}, {[](Machine& m) { m.kexec(); }, true}, {add(6, 2), true}}});
  }
  all.push_back({.name = "flushed table",
                 .machine = {.table = mlist::TableMode::kFlushed},
                 .steps = {{add(0, 3), true}, {add(0, 3), true}, {add(0, 2), true}}});
  return all;
}

// The fault at one of the effects.
enum class Fault { kCrash, kError, kInterrupted };

// Counts effects and makes one of them fail.
struct Breaker {
  std::int64_t fails_at = -1;
  Fault fault = Fault::kCrash;
  std::int64_t effects = 0;
  std::string failed = {};

  std::optional<Error> operator()(const std::string& what) {
    if (effects++ != fails_at) return std::nullopt;
    failed = what;
    if (fault == Fault::kCrash) throw Crash();
    return Error{
        .code = ErrorCode::kIo, .message = "planned fault", .os_errno = fault == Fault::kInterrupted ? EINTR : EIO};
  }
};

// Runs the scenario. Returns the fault at its end; empty if it has none.
std::string run(const Scenario& scenario, Breaker& breaker) {
  Machine machine(scenario.machine);
  KeeperProcess process(machine, {.method = scenario.method});
  process.on_effect = [&breaker](const std::string& what) { return breaker(what); };
  for (const Step& step : scenario.steps) {
    const int boot = machine.boot();
    step.happens(machine);
    if (machine.boot() != boot) {
      process.kill();
      process.start();
    }
    for (int tries = 0; tries < 3; ++tries) {
      try {
        const bool done = step.trims ? process.keeper().trim().has_value() : process.keeper().follow().has_value();
        if (done) break;
      } catch (const Crash&) {
        process.kill();
        if (const std::string wrong = process.wrong(); !wrong.empty()) return wrong;
        process.start();
      }
    }
    if (const std::string wrong = process.wrong(); !wrong.empty()) return wrong;
  }
  process.on_effect = {};
  const auto followed = process.keeper().follow();
  if (!followed) return "follow: " + describe(followed.error());
  if (!followed->proven) return "not proven";
  for (const Finding& found : followed->found) return "found " + std::string(word(found.diagnosis));
  if (process.lost_records() > 0) return "lost";
  if (process.archived() != machine.log().size()) return "not everything is archived";
  if (const std::string wrong = process.wrong(); !wrong.empty()) return wrong;
  const archive::ListRow row = process.row();
  if (row.trimmed_by_others > 0) return "blamed others for " + std::to_string(row.trimmed_by_others);
  if (row.trimmed + machine.in_list() != machine.log().size()) {
    return "says it trimmed " + std::to_string(row.trimmed) + ", and " + std::to_string(machine.in_list()) +
           " are left of " + std::to_string(machine.log().size());
  }
  if (must(process.archive().pending())) return "the pending trim stayed";
  if (!must(process.archive().incidents()).empty()) return "an incident was stored";
  return {};
}

TEST(KeeperCrash, EveryScenarioEndsWellUndisturbed) {
  for (const Scenario& scenario : scenarios()) {
    Breaker breaker;
    EXPECT_EQ(run(scenario, breaker), "") << scenario.name;
    EXPECT_GT(breaker.effects, 50) << scenario.name;
  }
}

class AtEveryEffect : public testing::TestWithParam<Fault> {};

TEST_P(AtEveryEffect, NothingIsLostOrKeptTwice) {
  std::int64_t stops = 0;
  for (const Scenario& scenario : scenarios()) {
    Breaker clean;
    ASSERT_EQ(run(scenario, clean), "") << scenario.name;
    for (std::int64_t at = 0; at < clean.effects; ++at, ++stops) {
      Breaker breaker{.fails_at = at, .fault = GetParam()};
      const std::string wrong = run(scenario, breaker);
      ASSERT_EQ(wrong, "") << scenario.name << ", effect " << at << ": " << breaker.failed;
      ASSERT_NE(breaker.failed, "");
    }
  }
  RecordProperty("stops", std::to_string(stops));
}

INSTANTIATE_TEST_SUITE_P(Keeper, AtEveryEffect, testing::Values(Fault::kCrash, Fault::kError, Fault::kInterrupted),
                         [](const auto& param_of) {
                           return param_of.param == Fault::kCrash   ? "Crash"
                                  : param_of.param == Fault::kError ? "Error"
                                                                    : "Interrupted";
                         });

// A second crash during the recovery from the first.
TEST(KeeperCrash, TwoCrashesCloseTogetherLoseNothing) {
  for (const Scenario& scenario : scenarios()) {
    Breaker clean;
    ASSERT_EQ(run(scenario, clean), "") << scenario.name;
    for (std::int64_t first = 0; first < clean.effects; ++first) {
      for (std::int64_t gap = 1; gap < 30; gap += 3) {
        Machine machine(scenario.machine);
        KeeperProcess process(machine, {.method = scenario.method});
        std::int64_t effects = 0;
        process.on_effect = [&](const std::string&) -> std::optional<Error> {
          const std::int64_t now = effects++;
          if (now == first || now == first + gap) throw Crash();
          return std::nullopt;
        };
        for (const Step& step : scenario.steps) {
          step.happens(machine);
          process.kill();
          process.start();
          for (int tries = 0; tries < 4; ++tries) {
            try {
              if (step.trims ? process.keeper().trim().has_value() : process.keeper().follow().has_value()) break;
            } catch (const Crash&) {
              process.kill();
              process.start();
            }
          }
        }
        process.on_effect = {};
        ASSERT_TRUE(must(process.keeper().follow()).proven) << scenario.name << " " << first << " " << gap;
        ASSERT_EQ(process.wrong(), "") << scenario.name << " " << first << " " << gap;
        ASSERT_EQ(process.archived(), machine.log().size()) << scenario.name << " " << first << " " << gap;
        ASSERT_EQ(process.row().trimmed_by_others, 0u) << scenario.name << " " << first << " " << gap;
      }
    }
  }
}

}  // namespace
}  // namespace imakeep::keeper::test
