// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/ring.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace closewatch::scenarios {
namespace {

std::uint32_t& word(void* base, std::uint32_t offset) {
  return *reinterpret_cast<std::uint32_t*>(static_cast<char*>(base) + offset);
}

void* map(int fd, std::size_t size, std::uint64_t offset) {
  return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                static_cast<off_t>(offset));
}

}  // namespace

Ring::Ring(Taker taker) {
  io_uring_params parameters{};
  if (taker == Taker::poller) {
    parameters.flags = IORING_SETUP_SQPOLL;
    parameters.sq_thread_idle = 1;  // ms
  }
  fd_ = static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters));
  if (fd_ < 0) {
    return;
  }
  // One mapping holds both rings (IORING_FEAT_SINGLE_MMAP, every kernel since 5.4).
  const std::size_t submissions =
      parameters.sq_off.array + parameters.sq_entries * sizeof(std::uint32_t);
  const std::size_t completions =
      parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe);
  ring_size_ = std::max(submissions, completions);
  ring_ = map(fd_, ring_size_, IORING_OFF_SQ_RING);
  entries_size_ = parameters.sq_entries * sizeof(io_uring_sqe);
  entries_ = map(fd_, entries_size_, IORING_OFF_SQES);
  submit_tail_ = parameters.sq_off.tail;
  submit_array_ = parameters.sq_off.array;
  complete_head_ = parameters.cq_off.head;
  completions_ = parameters.cq_off.cqes;
}

Ring::~Ring() {
  if (valid()) {
    ::munmap(ring_, ring_size_);
    ::munmap(entries_, entries_size_);
    ::close(fd_);
  }
}

int Ring::close(int fd, bool in_worker) {
  if (!valid()) {
    return -ENOSYS;
  }
  io_uring_sqe entry{};
  entry.opcode = IORING_OP_CLOSE;
  entry.fd = fd;
  entry.flags = in_worker ? IOSQE_ASYNC : 0;
  std::memcpy(entries_, &entry, sizeof entry);
  word(ring_, submit_array_) = 0;
  std::atomic_ref{word(ring_, submit_tail_)}.fetch_add(1, std::memory_order_release);
  // The second flag wakes a poller, if there is one, and says nothing else.
  if (::syscall(SYS_io_uring_enter, fd_, 1, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP,
                nullptr, 0) < 0) {
    return -errno;
  }
  io_uring_cqe completion{};
  std::memcpy(&completion, static_cast<char*>(ring_) + completions_, sizeof completion);
  std::atomic_ref{word(ring_, complete_head_)}.fetch_add(1, std::memory_order_release);
  return completion.res;
}

int Ring::register_file(int fd) {
  return static_cast<int>(::syscall(SYS_io_uring_register, fd_, IORING_REGISTER_FILES, &fd, 1));
}

}  // namespace closewatch::scenarios
