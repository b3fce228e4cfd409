// SPDX-License-Identifier: Apache-2.0
// closewatch_bench_hooks: a program that does nothing on each hook that closewatch would attach on
// this kernel, until it is killed. What that costs is what the kernel takes to run so many
// programs; closewatch cannot cost less. Says "attached" on stderr. Exit code 1: a hook could not
// be attached.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/core.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "userspace/base/unique_fd.h"
#include "userspace/kernel/attach_plan.h"
#include "userspace/kernel/features.h"

namespace {

using closewatch::Hook;
using closewatch::HookKind;
using closewatch::UniqueFd;

bpf_attach_type attach_type_of(HookKind kind) {
  switch (kind) {
    case HookKind::tracepoint:
      return BPF_TRACE_RAW_TP;
    case HookKind::fentry:
      return BPF_TRACE_FENTRY;
    case HookKind::fexit:
      return BPF_TRACE_FEXIT;
    case HookKind::iterator:
      break;
  }
  return BPF_TRACE_ITER;
}

// The program and its link; what could not be made is not valid, and errno says why.
std::array<UniqueFd, 2> attach_nothing_to(const Hook& hook) {
  const std::array<bpf_insn, 2> body{{
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  }};
  bpf_prog_load_opts options{};  // LIBBPF_OPTS is no standard C++
  options.sz = sizeof options;
  options.expected_attach_type = attach_type_of(hook.kind);
  const int id =
      libbpf_find_vmlinux_btf_id(std::string(hook.target).c_str(), options.expected_attach_type);
  if (id < 0) {
    errno = -id;
    return {};
  }
  options.attach_btf_id = static_cast<__u32>(id);
  UniqueFd program(
      bpf_prog_load(BPF_PROG_TYPE_TRACING, "nothing", "GPL", body.data(), body.size(), &options));
  UniqueFd link(program.valid() ? bpf_raw_tracepoint_open(nullptr, program.get()) : -1);
  return {std::move(program), std::move(link)};
}

}  // namespace

int main() {
  const auto features = closewatch::probe_features(false);
  if (!features.ok()) {
    fmt::print(stderr, "error: {}\n", features.error().what);
    return 1;
  }
  const auto plan = closewatch::make_plan(*features, closewatch::HookMode::automatic);
  if (!plan.ok()) {
    fmt::print(stderr, "error: {}\n", plan.error().what);
    return 1;
  }
  std::vector<std::array<UniqueFd, 2>> attached;
  for (const closewatch::PlannedHook& planned : plan->hooks) {
    if (!planned.chosen || planned.in_reserve || planned.hook->kind == HookKind::iterator) {
      continue;
    }
    attached.push_back(attach_nothing_to(*planned.hook));
    if (!attached.back()[1].valid()) {
      fmt::print(stderr, "error: {} {}: {}\n", name_of(planned.hook->kind), planned.hook->target,
                 std::strerror(errno));
      return 1;
    }
  }
  fmt::print(stderr, "attached\n");
  ::pause();
}
