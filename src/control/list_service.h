// SPDX-License-Identifier: Apache-2.0
// control/list_service.h - carries out the control socket's requests on a list, without the socket.
//
// Operations and their members: docs/formats/control-socket.md. Threads: safe from any thread.
#pragma once

#include "control/pcr_recorder.h"
#include "mlist/kexec.h"

namespace imakeep::control {

struct Message;

struct ServiceOptions {
  std::string template_name = "ima-ng";  // template of the records that `list add` makes
  bool md5 = false;                      // if true, IMA's hash is md5 and the list's own option is ignored
  std::uint32_t pcr = 10;
  bool measure_critical_data = true;
};

class ListService {
 public:
  // Keeps references to `list` and `pcrs`.
  ListService(mlist::MeasurementList& list, PcrRecorder& pcrs, ServiceOptions options)
      : list_(list),
        pcrs_(pcrs),
        options_(std::move(options)),
        saver_(list, options_.pcr, options_.measure_critical_data) {}

  // Never fails: an error becomes an answer.
  Message answer(const Message& request);

 private:
  Result<Message> dispatch(const Message& request);
  Result<Message> hello();
  Result<Message> append(const Message& request);
  Result<Message> pcrs();
  Result<Message> stats();
  Result<Message> kexec_load();
  Result<Message> save();

  mlist::MeasurementList& list_;
  PcrRecorder& pcrs_;
  const ServiceOptions options_;
  Mutex saver_mutex_;
  mlist::KexecSaver saver_ IMAKEEP_GUARDED_BY(saver_mutex_);
};

}  // namespace imakeep::control
