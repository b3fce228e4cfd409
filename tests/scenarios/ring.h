// SPDX-License-Identifier: Apache-2.0
// An io_uring of one entry, by system calls alone. To be used inside an actor. -1 where a call
// fails.
#pragma once

#include <cstddef>
#include <cstdint>

namespace closewatch::scenarios {

class Ring {
 public:
  // Who takes what is submitted: the thread that submits it, or a thread that the kernel starts in
  // the process for that (IORING_SETUP_SQPOLL).
  enum class Taker : std::uint8_t { submitter, poller };

  explicit Ring(Taker taker = Taker::submitter);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  // Lets go of the ring; the kernel takes it down some time later, in a thread of its own.
  ~Ring();

  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  // Closes `fd` by an operation of the ring and waits for its completion: 0, or -errno.
  int close(int fd, bool in_worker);
  // Takes a reference to `fd` as registered file 0.
  int register_file(int fd);

 private:
  int fd_ = -1;
  void* ring_ = nullptr;
  std::size_t ring_size_ = 0;
  void* entries_ = nullptr;
  std::size_t entries_size_ = 0;
  std::uint32_t submit_tail_ = 0;  // offsets into ring_
  std::uint32_t submit_array_ = 0;
  std::uint32_t complete_head_ = 0;
  std::uint32_t completions_ = 0;
};

}  // namespace closewatch::scenarios
