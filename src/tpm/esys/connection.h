// tpm/esys/connection.h - one connection to a TPM 2.0 through tpm2-tss's ESYS, whose calls always come back.
//
// Calls run one after the other on a thread of the connection. When one does not come back in time, or the library
// loses the TPM on the way, the connection is broken: the call and every later one fail at once. To go on, open
// another; what the TPM did with the last command must be found out by reading it. Source: TCG TSS 2.0 Enhanced System
// API. Threads: safe from any thread.
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
  // An ESYS call. It may outlive the caller, so it owns what it reads and writes; it is run again when the TPM asks so.
  using Call = std::function<TSS2_RC(ESYS_CONTEXT*)>;

  // Errors are those of `open_tcti`, and kEnvironment when it takes longer than `answer_limit`.
  static Result<std::unique_ptr<Connection>> open(OpenTcti open_tcti, std::chrono::milliseconds answer_limit);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs `call`; again, a few times with growing pauses, while the TPM asks for that. Errors are tpm_error()'s; `doing`
  // begins their message.
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
