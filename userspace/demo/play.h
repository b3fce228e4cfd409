// SPDX-License-Identifier: Apache-2.0
// One performance of a situation: a process of its own in a fresh network namespace. The
// namespace's inode number names the play to an observer; it stays reserved until the Play is
// destroyed, because the kernel gives numbers out again. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN,
// CAP_NET_RAW).
#pragma once

#include <cstdint>
#include <memory>

#include "userspace/base/result.h"
#include "userspace/base/unique_fd.h"
#include "userspace/demo/family.h"
#include "userspace/demo/host_limit.h"
#include "userspace/demo/situation.h"
#include "userspace/demo/truth.h"

namespace closewatch::demo {

class Play {
 public:
  // Starts it and returns at once. Several may run side by side, in different namespaces.
  static Result<Play> start(const Situation& situation, Family family);

  Play(Play&&) noexcept = default;
  Play& operator=(Play&&) noexcept = default;
  ~Play();

  [[nodiscard]] const Situation& situation() const { return *situation_; }
  [[nodiscard]] Family family() const { return family_; }
  // As `netns` in the JSON.
  [[nodiscard]] std::uint32_t netns() const { return netns_; }
  // Becomes readable when the play has ended.
  [[nodiscard]] int pollable() const { return process_.get(); }
  // Waits for the end. The script ends by itself: its waits have deadlines.
  const Truth& finish();
  // What finish() returned; incomplete before.
  [[nodiscard]] const Truth& truth() const { return *truth_; }
  // Ends it by force; finish() then tells of a failure.
  void stop();

 private:
  struct Unmap {
    void operator()(Truth* truth) const;
  };
  Play() = default;

  const Situation* situation_ = nullptr;
  Family family_ = Family::ipv4;
  std::uint32_t netns_ = 0;
  pid_t pid_ = 0;
  bool reaped_ = false;
  HostLimit host_limit_{""};
  UniqueFd namespace_;
  UniqueFd process_;
  std::unique_ptr<Truth, Unmap> truth_;
};

}  // namespace closewatch::demo
