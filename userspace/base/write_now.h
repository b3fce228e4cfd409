// SPDX-License-Identifier: Apache-2.0
// Writing to somebody who may have stopped reading.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace closewatch {

// As write(2), but never waits: EAGAIN when the reader of `fd` (a pipe, a socket) has no room now.
// At most PIPE_BUF bytes, which is what a pipe that is ready takes at once. One thread of the
// process at a time, so that none takes the room that another one has just seen.
ssize_t write_now(int fd, std::string_view bytes);

}  // namespace closewatch
