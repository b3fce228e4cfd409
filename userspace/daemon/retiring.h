// SPDX-License-Identifier: Apache-2.0
// Where things end that take their time to end: on a thread of its own, one after the other, so
// that the ring thread never waits for them.
#pragma once

#include <functional>
#include <future>

namespace closewatch {

class Retiring {
 public:
  // Something still ends: the next one has to wait for it, so that there is one at most.
  [[nodiscard]] bool busy() const {
    return last_.valid() && last_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
  }
  // Not while busy().
  void begin(std::function<void()> end) { last_ = std::async(std::launch::async, std::move(end)); }
  // The destructor waits.

 private:
  std::future<void> last_;
};

}  // namespace closewatch
