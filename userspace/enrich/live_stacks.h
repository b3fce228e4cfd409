// SPDX-License-Identifier: Apache-2.0
// Stacks of the running host: addresses from the kernel side, named by /proc/kallsyms and by
// /proc/<pid>/maps while the process lives. An address without a name is shown as such. Files that
// programs are made of are not opened: who wrote them is not to be trusted, and module and offset
// are enough for addr2line(1). To be used by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "userspace/base/clock.h"
#include "userspace/enrich/host_files.h"
#include "userspace/enrich/kernel_symbols.h"
#include "userspace/enrich/lru_cache.h"
#include "userspace/enrich/process_modules.h"
#include "userspace/enrich/stacks.h"

namespace closewatch {

using Addresses = std::vector<std::uint64_t>;  // innermost first

// What the kernel side keeps of the stack with that id; empty when it has none. An id keeps its
// meaning for as long as the kernel side runs.
struct StackSource {
  std::function<Addresses(std::int32_t id)> kernel;
  std::function<Addresses(std::int32_t id)> user;
};

class LiveStacks final : public Stacks {
 public:
  explicit LiveStacks(StackSource source, HostFiles files = HostFiles(),
                      std::uint64_t (*now)() = boot_now_ns);

  // Without the frames of the hook itself (BPF program, trampoline, tracepoint).
  const Frames& kernel(std::int32_t id) override;
  const Frames& user(std::int32_t id, const Task& task) override;

  static constexpr std::size_t kMostProcesses = 256;
  // A process may load and unload modules, and become another program.
  static constexpr std::uint64_t kBelievedNs = 1'000'000'000;

 private:
  struct Key {
    std::uint64_t start_ns = 0;
    std::array<char, 16> comm{};
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;  // 0 where the start names the process

    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Entry {
    ProcessModules modules;
    std::uint64_t again_ns = 0;  // when to read them again
  };

  const ProcessModules& modules_of(const Task& task);

  StackSource source_;
  HostFiles files_;
  std::uint64_t (*now_)();
  bool pids_are_the_kernels_;
  std::optional<KernelSymbols> symbols_;  // read when the first is asked for
  std::unordered_map<std::int32_t, Frames> kernel_;
  std::unordered_map<std::int32_t, Addresses> user_;
  LruCache<Key, Entry, KeyHash> processes_{kMostProcesses};
  Frames frames_;
};

}  // namespace closewatch
