// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/connection.h"

#include <system_error>
#include <thread>

#include "tpm/esys/tpm_error.h"
#include "tpm/esys/wrapped_tcti.h"

namespace imakeep::tpm {
namespace {

using std::chrono::milliseconds;

// ESYS itself repeats a command five times, but without a pause. A self-test takes longer than that.
constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLastPause{640};

TSS2_RC run_patiently(const Connection::Call& call, ESYS_CONTEXT* esys) {
  TSS2_RC rc = call(esys);
  for (milliseconds pause = kFirstPause; asks_again(rc) && pause <= kLastPause; pause *= 2) {
    std::this_thread::sleep_for(pause);
    rc = call(esys);
  }
  return rc;
}

// TCG's SYS takes the answer's size from its header alone. If an answer is cut short, SYS would continue into the old
// content of its buffer and return that as a PCR value.
TSS2_RC check_answer_size(const Bytes& answer) {
  constexpr std::size_t kHeaderBytes = 10;  // tag:u16 size:u32 code:u32, big-endian
  if (answer.size() < kHeaderBytes) return TSS2_TCTI_RC_MALFORMED_RESPONSE;
  const auto size = load<std::uint32_t>(answer.data() + 2, ByteOrder::kBig);
  return size == answer.size() ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_MALFORMED_RESPONSE;
}

std::string seconds(milliseconds limit) {
  const auto tenths = limit.count() / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) + " s";
}

Error silent_error(const std::string& doing, milliseconds limit) {
  return {.code = ErrorCode::kIo,
          .message = doing + ": the TPM has not answered for " + seconds(limit) +
                     "; check whether its process hangs or its driver reports errors, then restart imakeep"};
}

}  // namespace

struct Connection::Session {
  Tcti tcti;
  ESYS_CONTEXT* esys = nullptr;

  ~Session() {
    // Leaves the TCTI open: ESYS closes a TCTI only if ESYS opened it.
    Esys_Finalize(&esys);
  }
};

Connection::Connection(milliseconds answer_limit)
    : answer_limit_(answer_limit), session_(std::make_shared<Session>()) {}

Result<std::unique_ptr<Connection>> Connection::open(OpenTcti open_tcti, milliseconds answer_limit) {
  std::unique_ptr<Connection> connection;
  try {
    connection.reset(new Connection(answer_limit));
  } catch (const std::system_error& error) {
    return fail_errno(error.code().value(), "no thread for the TPM");
  }
  auto opened = std::make_shared<Result<void>>();
  const auto open_session = [open_tcti = std::move(open_tcti), session = connection->session_, opened] {
    auto tcti = open_tcti();
    if (!tcti) {
      *opened = unexpected(std::move(tcti).error());
      return;
    }
    session->tcti = wrap_tcti(std::move(*tcti), std::make_shared<TctiHooks>(TctiHooks{.on_answer = check_answer_size}));
    const TSS2_RC rc = Esys_Initialize(&session->esys, session->tcti.get(), nullptr);
    if (rc != TSS2_RC_SUCCESS) *opened = unexpected(tpm_error(rc, "opening the TPM"));
  };
  const MutexLock lock(connection->mutex_);
  if (!connection->thread_.run(open_session, answer_limit)) {
    Error error = silent_error("opening the TPM", answer_limit);
    error.code = ErrorCode::kEnvironment;
    return unexpected(std::move(error));
  }
  if (!*opened) return unexpected(std::move(*opened).error());
  return connection;
}

Connection::~Connection() {
  const MutexLock lock(mutex_);
  // Closing may block like any call. If a call was given up before, run() does nothing here, and the last owner closes
  // the session.
  thread_.run([session = std::exchange(session_, nullptr)]() mutable { session.reset(); }, answer_limit_);
}

Result<void> Connection::run(const std::string& doing, Call call) {
  const MutexLock lock(mutex_);
  if (broken_) {
    return fail(ErrorCode::kIo, doing + ": the connection to the TPM was lost before (" + broken_->message + ")");
  }
  auto rc = std::make_shared<TSS2_RC>(TSS2_RC_SUCCESS);
  const bool answered = thread_.run(
      [call = std::move(call), session = session_, rc] { *rc = run_patiently(call, session->esys); }, answer_limit_);
  if (!answered) {
    broken_ = silent_error(doing, answer_limit_);
    return unexpected(*broken_);
  }
  if (*rc == TSS2_RC_SUCCESS) return {};
  Error error = tpm_error(*rc, doing);
  if (!is_answer(*rc)) broken_ = error;
  return unexpected(std::move(error));
}

}  // namespace imakeep::tpm
