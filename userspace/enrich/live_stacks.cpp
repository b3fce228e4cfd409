// SPDX-License-Identifier: Apache-2.0
#include "userspace/enrich/live_stacks.h"

#include <algorithm>
#include <string_view>
#include <type_traits>

#include "userspace/enrich/hex_text.h"
#include "userspace/enrich/namespaces.h"
#include "userspace/enrich/process_files.h"

namespace closewatch {
namespace {

// How a hook gets from the hooked function to bpf_get_stackid(), 5.10 to 7.2. Programs have no name
// where net.core.bpf_jit_kallsyms is 0.
bool is_of_the_hook(const std::string& frame) {
  static constexpr std::array<std::string_view, 7> kPrefixes{
      "0x",           "bpf_prog_",    "bpf_trampoline_", "bpf_get_stackid", "bpf_trace_run",
      "__bpf_trace_", "__traceiter_",
  };
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&frame](std::string_view prefix) { return frame.starts_with(prefix); });
}

}  // namespace

std::size_t LiveStacks::KeyHash::operator()(const Key& key) const {
  static_assert(std::has_unique_object_representations_v<Key>);
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(&key), sizeof key});
}

LiveStacks::LiveStacks(StackSource source, HostFiles files, std::uint64_t (*now)())
    : source_(std::move(source)),
      files_(std::move(files)),
      now_(now),
      pids_are_the_kernels_(in_initial_namespace(files_, Namespace::pid).value_or(true)) {}

const Frames& LiveStacks::kernel(std::int32_t id) {
  const auto [place, is_new] = kernel_.try_emplace(id);
  Frames& frames = place->second;
  if (!is_new) {
    return frames;
  }
  if (!symbols_) {
    symbols_.emplace(files_);
  }
  for (const std::uint64_t address : source_.kernel(id)) {
    frames.push_back(symbols_->name(address).value_or(hex_text(address)));
  }
  const auto first = std::find_if_not(frames.begin(), frames.end(), is_of_the_hook);
  if (first != frames.end()) {
    frames.erase(frames.begin(), first);
  }
  return frames;
}

const Frames& LiveStacks::user(std::int32_t id, const Task& task) {
  const auto [place, is_new] = user_.try_emplace(id);
  if (is_new) {
    place->second = source_.user(id);
  }
  frames_.clear();
  if (!task.known()) {
    return frames_;
  }
  const ProcessModules& modules = modules_of(task);
  for (const std::uint64_t address : place->second) {
    frames_.push_back(modules.name(address).value_or(hex_text(address)));
  }
  return frames_;
}

const ProcessModules& LiveStacks::modules_of(const Task& task) {
  const Key key{.start_ns = task.start_ns,
                .comm = task.comm_bytes,
                .pid = task.pid,
                .tid = task.start_ns == 0 ? task.tid : 0};
  Entry* known = processes_.find(key);
  if (known != nullptr && now_() < known->again_ns) {
    return known->modules;
  }
  Entry entry{.modules = {}, .again_ns = now_() + kBelievedNs};
  if (pids_are_the_kernels_) {
    const UniqueFd process = open_process(files_, task);
    const auto maps = process.valid() ? read_file(process, "maps") : std::nullopt;
    if (maps && !maps->empty()) {
      entry.modules = ProcessModules(*maps);
    } else if (known != nullptr) {
      entry.modules = std::move(known->modules);  // it has ended: what it was made of stays true
    }
  }
  return processes_.put(key, std::move(entry)).modules;
}

}  // namespace closewatch
