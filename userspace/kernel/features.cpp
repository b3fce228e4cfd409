// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/features.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "userspace/base/unique_fd.h"
#include "userspace/kernel/attach_plan.h"
#include "userspace/kernel/skeleton.h"

namespace closewatch {
namespace {

struct BtfDeleter {
  void operator()(btf* object) const { btf__free(object); }
};
using BtfPtr = std::unique_ptr<btf, BtfDeleter>;

std::optional<int> function_arguments(const btf* kernel, std::string_view name) {
  const int id = btf__find_by_name_kind(kernel, std::string(name).c_str(), BTF_KIND_FUNC);
  if (id < 0) {
    return std::nullopt;
  }
  const btf_type* function = btf__type_by_id(kernel, static_cast<__u32>(id));
  const btf_type* proto = btf__type_by_id(kernel, function->type);
  return btf_vlen(proto);
}

// btf_trace_<name> is a typedef of a pointer to a function whose first argument is the context.
std::optional<int> tracepoint_arguments(const btf* kernel, std::string_view name) {
  const std::string symbol = "btf_trace_" + std::string(name);
  const int id = btf__find_by_name_kind(kernel, symbol.c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) {
    return std::nullopt;
  }
  const btf_type* type = btf__type_by_id(kernel, static_cast<__u32>(id));
  type = btf__type_by_id(kernel, type->type);
  type = btf__type_by_id(kernel, type->type);
  return btf_vlen(type) - 1;
}

std::map<int, std::string> reset_reasons(const btf* kernel) {
  static constexpr std::string_view kPrefix = "SK_RST_REASON_";
  std::map<int, std::string> names;
  const int id = btf__find_by_name_kind(kernel, "sk_rst_reason", BTF_KIND_ENUM);
  if (id < 0) {
    return names;
  }
  const btf_type* type = btf__type_by_id(kernel, static_cast<__u32>(id));
  const auto* value = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    std::string_view name = btf__name_by_offset(kernel, value[i].name_off);
    if (name.substr(0, kPrefix.size()) == kPrefix) {
      name.remove_prefix(kPrefix.size());
    }
    names.emplace(value[i].val, name);
  }
  return names;
}

// Program type and BTF say nothing about attaching (arm64 without direct calls, hardened kernels),
// nor does that say anything about running (kernel.ftrace_enabled=0): load and attach a program of
// the smallest, which notes that it ran, and let it.
std::string try_fentry(const btf* kernel) {
  const int id = btf__find_by_name_kind(kernel, "tcp_close", BTF_KIND_FUNC);
  if (id < 0) {
    return "no BTF for tcp_close";
  }
  const UniqueFd noted(bpf_map_create(BPF_MAP_TYPE_ARRAY, "closewatch_try", sizeof(std::uint32_t),
                                      sizeof(std::uint64_t), 1, nullptr));
  if (!noted.valid()) {
    return std::string("no map: ") + std::strerror(errno);
  }
  const std::array<bpf_insn, 5> body{{
      {.code = BPF_LD | BPF_DW,  // BPF_IMM is 0, too
       .dst_reg = BPF_REG_1,
       .src_reg = BPF_PSEUDO_MAP_VALUE,
       .off = 0,
       .imm = noted.get()},
      {.code = 0, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = 0, .off = 0, .imm = 1},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  }};
  bpf_prog_load_opts options{};  // LIBBPF_OPTS is no standard C++
  options.sz = sizeof options;
  options.expected_attach_type = BPF_TRACE_FENTRY;
  options.attach_btf_id = static_cast<__u32>(id);
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_TRACING, "closewatch_try", "GPL", body.data(),
                                       body.size(), &options));
  if (!program.valid()) {
    return std::string("load refused: ") + std::strerror(errno);
  }
  const UniqueFd link(bpf_raw_tracepoint_open(nullptr, program.get()));
  if (!link.valid()) {
    return std::string("attach refused: ") + std::strerror(errno);
  }
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool asked = socket.valid();
  socket.reset();  // calls tcp_close()
  const std::uint32_t only = 0;
  std::uint64_t ran = 0;
  if (asked && bpf_map_lookup_elem(noted.get(), &only, &ran) == 0 && ran == 0) {
    return "attached, but never run";
  }
  return {};
}

}  // namespace

Result<Features> probe_features(bool verbose) {
  set_libbpf_output(verbose);
  const BtfPtr kernel(btf__load_vmlinux_btf());
  if (!kernel) {
    return Error{.what = "the kernel has no BTF type information (/sys/kernel/btf/vmlinux)",
                 .hint = "use a kernel built with CONFIG_DEBUG_INFO_BTF=y; Debian's are since 5.10",
                 .code = ExitCode::unsupported};
  }
  Features features;
  for (const Hook& hook : kHooks) {
    auto& known = hook.kind == HookKind::tracepoint ? features.tracepoints : features.functions;
    const auto arguments = hook.kind == HookKind::tracepoint
                               ? tracepoint_arguments(kernel.get(), hook.target)
                               : function_arguments(kernel.get(), hook.target);
    if (arguments) {
      known.emplace(hook.target, *arguments);
    }
  }
  features.current_task = function_arguments(kernel.get(), "bpf_get_current_task_btf").has_value();
  features.map_walk = function_arguments(kernel.get(), "bpf_for_each_map_elem").has_value();
  features.preemptible_tracepoints =
      btf__find_by_name_kind(kernel.get(), "class_srcu_fast_notrace_t", BTF_KIND_TYPEDEF) >= 0;
  features.read_cast = function_arguments(kernel.get(), "bpf_rdonly_cast").has_value();
  features.reset_reasons = reset_reasons(kernel.get());
  features.fentry_refused = try_fentry(kernel.get());
  return features;
}

}  // namespace closewatch
