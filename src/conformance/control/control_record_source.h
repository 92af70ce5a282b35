// SPDX-License-Identifier: Apache-2.0
// conformance/control/control_record_source.h - provides the conformance checks with records through a served list's
// control socket. Threads: as conformance::RecordSource.
#pragma once

#include <memory>
#include <string>

#include "conformance/record_source.h"
#include "control/client.h"
#include "control/measure_file.h"

namespace imakeep::conformance {

class ControlRecordSource : public conformance::RecordSource {
 public:
  // kEnvironment if no list answers. `run` distinguishes the records of this run from those of other runs.
  static Result<std::unique_ptr<ControlRecordSource>> connect(const std::string& socket, const std::string& run);

  Result<void> add(std::uint64_t records) override;
  Result<void> add_again() override;
  Result<void> add_violation() override;
  Result<std::vector<imalog::PcrValue>> pcrs() override;
  bool can_suspend() const override { return true; }
  Result<void> suspend() override;

 private:
  ControlRecordSource(control::Client client, std::string run, control::MeasureOptions measure)
      : client_(std::move(client)), run_(std::move(run)), measure_(std::move(measure)) {}
  Result<void> append_record(Bytes& list, std::uint64_t serial, bool violation) const;
  Result<void> send(Bytes list);

  control::Client client_;
  const std::string run_;
  const control::MeasureOptions measure_;
  std::uint64_t last_serial_ = 0;
};

}  // namespace imakeep::conformance
