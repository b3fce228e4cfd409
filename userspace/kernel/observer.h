// SPDX-License-Identifier: Apache-2.0
// The BPF side, loaded and attached: from here on the kernel records. Owns every BPF object; all is
// gone when it is destroyed. To be made and read by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "userspace/base/result.h"
#include "userspace/kernel/attach_plan.h"
#include "userspace/kernel/features.h"
#include "userspace/record/kernel_counts.h"
#include "userspace/record/pending_close.h"

namespace closewatch {

// Filters that act in the kernel; empty and nullopt mean any. At most 16 values a list.
struct KernelFilter {
  std::vector<std::uint32_t> pids;
  std::vector<std::uint32_t> uids;
  std::vector<std::uint16_t> local_ports;
  std::vector<std::uint16_t> peer_ports;
  std::optional<std::uint8_t> family;  // AF_INET or AF_INET6; v4-mapped is AF_INET
  std::optional<std::uint32_t> netns;  // inode number
  std::optional<std::uint64_t> cgroup_id;
  std::uint32_t cgroup_level = 0;  // depth of that cgroup below the root
  bool unestablished = false;
};

struct ObserverOptions {
  HookMode mode = HookMode::automatic;
  KernelFilter filter;
  std::uint32_t ring_bytes = 4U << 20;  // a power of two of at least one page
  bool stacks = false;                  // keep the stacks of the calls that end connections
  bool pending = false;                 // pending() can be asked
  bool totals = false;                  // sum up per process, for take_totals()
  bool verbose = false;                 // libbpf's own messages on stderr
};

// Of one program. Runs and their time are counted while kernel.bpf_stats_enabled is 1.
struct ProgramStats {
  std::string program;
  std::uint64_t runs = 0;
  std::uint64_t run_ns = 0;
  std::uint64_t missed = 0;  // runs left out: the program was running on that CPU already
  bool again = false;        // not Turn::first
};

enum class StackKind { kernel, user };

class Observer {
 public:
  // Errors: ExitCode::unsupported with a hint when the kernel or the privileges do not suffice.
  static Result<Observer> start(const Features& features, const ObserverOptions& options);

  Observer(Observer&&) noexcept;
  Observer& operator=(Observer&&) noexcept;
  ~Observer();

  // What runs now: drain() may attach what is in reserve.
  [[nodiscard]] const AttachPlan& plan() const { return plan_; }

  // At most so many records a drain: a storm that outruns the reader must not keep it there.
  static constexpr std::size_t kDrainLimit = 8192;
  // Takes the records that are complete now, in order, up to the limit. Returns how many. Never
  // blocks. Attaches the hooks in reserve when the kernel has left out a program.
  Result<std::size_t> drain(const std::function<void(std::span<const std::byte>)>& take);

  // Readable when the kernel side woke the reader, which it does once after each arm().
  [[nodiscard]] int wake_fd() const;
  // Detaches every hook: what the ring buffer holds now is all that will come. account() then gives
  // the numbers of this moment.
  void stop();
  // Asks for one wake-up at the next record. Drain once more after it: a record may have come
  // before.
  void arm();

  // Addresses of the stack that a record names, innermost first, at most CW_STACK_DEPTH; empty when
  // there is none. An id keeps its meaning while the observer lives.
  [[nodiscard]] std::vector<std::uint64_t> stack(StackKind kind, std::int32_t id) const;

  // Read from shared memory; `missed_runs`, `open` and `unseen` are left 0.
  [[nodiscard]] KernelCounters counters() const;
  // The same with them, which costs a system call per program and a walk over the ledger.
  [[nodiscard]] KernelCounters account() const;
  // Exact sums per process since the start, or since the last call: each is given once.
  Result<std::vector<ProcessTotals>> take_totals();
  // The privileges of this moment let it read maps, as take_totals() and account() do.
  [[nodiscard]] bool may_read_maps() const;
  [[nodiscard]] std::vector<ProgramStats> program_stats() const;
  // Closures that still run in the background, of the sockets in the network namespace of the
  // calling thread, which may be any: it walks over every socket of the host.
  [[nodiscard]] Result<std::vector<PendingClose>> pending() const;

 private:
  struct State;
  Observer(AttachPlan plan, std::unique_ptr<State> state);

  AttachPlan plan_;
  std::unique_ptr<State> state_;
};

}  // namespace closewatch
