// SPDX-License-Identifier: Apache-2.0
// tpm/esys/connection.h - one connection to a TPM 2.0 through tpm2-tss's ESYS. Its calls always return in bounded time.
//
// Calls run one after the other on a thread of the connection. If a call does not return in time, or the library loses
// the TPM, the connection is broken: that call fails, and every later call fails at once. To continue, the caller opens
// another connection, and reads the TPM to find out what the last command did. Source: TCG TSS 2.0 Enhanced System API.
// Threads: safe from any thread.
#pragma once

#include <tss2/tss2_esys.h>

#include <chrono>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "tpm/esys/bounded_thread.h"
#include "tpm/esys/tcti.h"

namespace imakeep::tpm {

// Frees what ESYS allocates.
struct EsysFree {
  void operator()(void* object) const { Esys_Free(object); }
};
template <class T>
using EsysPtr = std::unique_ptr<T, EsysFree>;

class Connection {
 public:
  using OpenTcti = std::function<Result<Tcti>()>;
  // An ESYS call. It may outlive the caller, so it owns what it reads and writes. The connection repeats it if the TPM
  // asks for that.
  using Call = std::function<TSS2_RC(ESYS_CONTEXT*)>;

  // Errors: those of `open_tcti`; of tpm_error() from ESYS; kEnvironment if opening takes longer than `answer_limit` or
  // no thread can be created.
  static Result<std::unique_ptr<Connection>> open(OpenTcti open_tcti, std::chrono::milliseconds answer_limit);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs `call`. Repeats it a few times, with growing pauses, while the TPM asks for that. Errors: those of
  // tpm_error(). `doing` begins the message.
  Result<void> run(const std::string& doing, Call call);

 private:
  struct Session;
  explicit Connection(std::chrono::milliseconds answer_limit);

  const std::chrono::milliseconds answer_limit_;
  Mutex mutex_;
  std::shared_ptr<Session> session_;  // shared with a call that was given up
  BoundedThread thread_ IMAKEEP_GUARDED_BY(mutex_);
  std::optional<Error> broken_ IMAKEEP_GUARDED_BY(mutex_);
};

}  // namespace imakeep::tpm
