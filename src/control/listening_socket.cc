#include "control/listening_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <boost/asio/io_context.hpp>

namespace imakeep::control {
namespace {

using Protocol = boost::asio::local::stream_protocol;

// Whether `path` is free to be bound, after removing what a dead process left.
Result<void> claim(const std::string& path, const std::string& what) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode)) {
    return fail(ErrorCode::kEnvironment, path + " exists and is no socket; choose another name for the " + what);
  }
  boost::asio::io_context context;
  Protocol::socket probe(context);
  boost::system::error_code error;
  probe.connect(Protocol::endpoint(path), error);
  if (!error) {
    return fail(ErrorCode::kEnvironment,
                what + " " + path + " is in use; stop the program that serves it, or choose another name");
  }
  if (error != boost::asio::error::connection_refused) {
    return fail_errno(error.value(), "cannot use " + what + " " + path);
  }
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "cannot replace " + what + " " + path);
  return {};
}

}  // namespace

Result<void> listen_on(Protocol::acceptor& acceptor, const std::string& path, mode_t mode, const std::string& what) {
  try {
    const Protocol::endpoint endpoint(path);
    IMAKEEP_CHECK(claim(path, what));
    acceptor.open(endpoint.protocol());
    // The socket must never be open to more than it is meant for, not even between bind and chmod.
    const mode_t old_mask = ::umask(0777 & ~mode);
    boost::system::error_code error;
    acceptor.bind(endpoint, error);
    ::umask(old_mask);
    if (error) return fail_errno(error.value(), "cannot make " + what + " " + path);
    acceptor.listen();
  } catch (const boost::system::system_error& error) {
    return fail_errno(error.code().value(), "cannot listen on " + what + " " + path);
  }
  return {};
}

}  // namespace imakeep::control
