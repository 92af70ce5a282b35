// SPDX-License-Identifier: Apache-2.0
#include "tpm/esys/wrapped_tcti.h"

#include <algorithm>

namespace imakeep::tpm {
namespace {

struct Wrapped {
  TSS2_TCTI_CONTEXT_COMMON_V2 common{};  // must be first: a TSS2_TCTI_CONTEXT* points to it
  Tcti inner;
  std::shared_ptr<const TctiHooks> hooks;
};

Wrapped& wrapped(TSS2_TCTI_CONTEXT* context) {
  return *reinterpret_cast<Wrapped*>(context);
}

// The functions of the inner TCTI. tpm2-tss offers only macros for this, which -Wold-style-cast refuses.
const TSS2_TCTI_CONTEXT_COMMON_V2& inner(TSS2_TCTI_CONTEXT* context) {
  return *reinterpret_cast<TSS2_TCTI_CONTEXT_COMMON_V2*>(wrapped(context).inner.get());
}

template <class Function, class... Arguments>
TSS2_RC call(Function function, TSS2_TCTI_CONTEXT* context, Arguments... arguments) {
  if (function == nullptr) return TSS2_TCTI_RC_NOT_IMPLEMENTED;
  return function(wrapped(context).inner.get(), arguments...);
}

TSS2_RC transmit(TSS2_TCTI_CONTEXT* context, std::size_t size, const std::uint8_t* bytes) {
  const ByteView sent = std::as_bytes(std::span(bytes, size));
  Bytes command(sent.begin(), sent.end());
  if (const auto& hook = wrapped(context).hooks->on_command) {
    if (const TSS2_RC rc = hook(command); rc != TSS2_RC_SUCCESS) return rc;
  }
  return call(inner(context).v1.transmit, context, command.size(),
              reinterpret_cast<const std::uint8_t*>(command.data()));
}

TSS2_RC receive(TSS2_TCTI_CONTEXT* context, std::size_t* size, std::uint8_t* response, std::int32_t timeout) {
  const std::size_t capacity = *size;
  const TSS2_RC rc = call(inner(context).v1.receive, context, size, response, timeout);
  const auto& hook = wrapped(context).hooks->on_answer;
  // Without a buffer the caller asks only for the answer's size.
  if (rc != TSS2_RC_SUCCESS || response == nullptr || !hook) return rc;
  const ByteView received = std::as_bytes(std::span(response, *size));
  Bytes answer(received.begin(), received.end());
  const TSS2_RC changed = hook(answer);
  *size = std::min(answer.size(), capacity);
  std::copy_n(answer.begin(), *size, reinterpret_cast<std::byte*>(response));
  return changed;
}

TSS2_RC cancel(TSS2_TCTI_CONTEXT* context) {
  return call(inner(context).v1.cancel, context);
}

TSS2_RC poll_handles(TSS2_TCTI_CONTEXT* context, TSS2_TCTI_POLL_HANDLE* handles, std::size_t* count) {
  return call(inner(context).v1.getPollHandles, context, handles, count);
}

TSS2_RC set_locality(TSS2_TCTI_CONTEXT* context, std::uint8_t locality) {
  return call(inner(context).v1.setLocality, context, locality);
}

TSS2_RC make_sticky(TSS2_TCTI_CONTEXT* context, TPM2_HANDLE* handle, std::uint8_t sticky) {
  return call(inner(context).makeSticky, context, handle, sticky);
}

// The owner of the Wrapped deletes it.
void finalize(TSS2_TCTI_CONTEXT*) {}

}  // namespace

Tcti wrap_tcti(Tcti inner, std::shared_ptr<const TctiHooks> hooks) {
  auto self = std::make_shared<Wrapped>();
  const auto& version = reinterpret_cast<TSS2_TCTI_CONTEXT_COMMON_V1*>(inner.get())->version;
  self->common = {.v1 = {.magic = 0x696d616b65657000,
                         .version = version,
                         .transmit = transmit,
                         .receive = receive,
                         .finalize = finalize,
                         .cancel = cancel,
                         .getPollHandles = poll_handles,
                         .setLocality = set_locality},
                  .makeSticky = make_sticky};  // unused under version 1
  self->inner = std::move(inner);
  self->hooks = std::move(hooks);
  return {self, reinterpret_cast<TSS2_TCTI_CONTEXT*>(self.get())};
}

}  // namespace imakeep::tpm
