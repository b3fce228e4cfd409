// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "userspace/base/unique_fd.h"

namespace closewatch::scenarios {
namespace {

constexpr std::uint8_t kMove = BPF_ALU64 | BPF_MOV;
constexpr std::uint8_t kJump = BPF_JMP;

// Of struct bpf_iter__tcp and struct sock_common (include/net/sock.h), on every kernel.
constexpr std::int16_t kIteratedSocket = 8;
constexpr std::int16_t kPeerPort = 12;   // skc_dport, network byte order
constexpr std::int16_t kLocalPort = 14;  // skc_num

constexpr bpf_insn load(std::uint8_t size, std::uint8_t to, std::uint8_t from, std::int16_t at) {
  return {.code = static_cast<std::uint8_t>(BPF_LDX | size | BPF_MEM),
          .dst_reg = static_cast<std::uint8_t>(to & 0xf),
          .src_reg = static_cast<std::uint8_t>(from & 0xf),
          .off = at,
          .imm = 0};
}

constexpr bpf_insn jump(std::uint8_t when, std::uint8_t left, std::int32_t right, std::int16_t by) {
  return {.code = static_cast<std::uint8_t>(kJump | when | BPF_K),
          .dst_reg = static_cast<std::uint8_t>(left & 0xf),
          .src_reg = 0,
          .off = by,
          .imm = right};
}

constexpr bpf_insn move(std::uint8_t to, std::uint8_t from) {
  return {.code = static_cast<std::uint8_t>(kMove | BPF_X),
          .dst_reg = static_cast<std::uint8_t>(to & 0xf),
          .src_reg = static_cast<std::uint8_t>(from & 0xf),
          .off = 0,
          .imm = 0};
}

constexpr bpf_insn set(std::uint8_t to, std::int32_t value) {
  return {.code = static_cast<std::uint8_t>(kMove | BPF_K),
          .dst_reg = static_cast<std::uint8_t>(to & 0xf),
          .src_reg = 0,
          .off = 0,
          .imm = value};
}

constexpr bpf_insn call_kernel(std::int32_t function) {
  return {.code = kJump | BPF_CALL,
          .dst_reg = 0,
          .src_reg = BPF_PSEUDO_KFUNC_CALL,
          .off = 0,
          .imm = function};
}

constexpr bpf_insn leave() {
  return {.code = kJump | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};
}

// Id of a function of the kernel in its type data; negative: there is none.
int function_id(const char* name) {
  btf* types = btf__load_vmlinux_btf();
  if (types == nullptr) {
    return -errno;
  }
  const int id = btf__find_by_name_kind(types, name, BTF_KIND_FUNC);
  btf__free(types);
  return id;
}

// Runs the iterator once, over everything.
int iterate(int program) {
  const UniqueFd link{bpf_link_create(program, 0, BPF_TRACE_ITER, nullptr)};
  const UniqueFd iterator{link.valid() ? bpf_iter_create(link.get()) : -1};
  if (!iterator.valid()) {
    return -errno;
  }
  std::array<char, 64> nothing{};
  const ssize_t end = ::read(iterator.get(), nothing.data(), nothing.size());
  return end < 0 ? -errno : 0;
}

}  // namespace

int destroy_by_program(std::uint16_t local_port, std::uint16_t peer_port) {
  const int destroy = function_id("bpf_sock_destroy");
  const int iterator = libbpf_find_vmlinux_btf_id("tcp", BPF_TRACE_ITER);
  if (destroy < 0 || iterator < 0) {
    return -ENOENT;
  }
  const std::array program{
      load(BPF_DW, BPF_REG_6, BPF_REG_1, kIteratedSocket),
      jump(BPF_JEQ, BPF_REG_6, 0, 6),
      load(BPF_H, BPF_REG_2, BPF_REG_6, kLocalPort),
      jump(BPF_JNE, BPF_REG_2, local_port, 4),
      load(BPF_H, BPF_REG_2, BPF_REG_6, kPeerPort),
      jump(BPF_JNE, BPF_REG_2, htons(peer_port), 2),
      move(BPF_REG_1, BPF_REG_6),
      call_kernel(destroy),
      set(BPF_REG_0, 0),
      leave(),
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_TRACE_ITER;
  options.attach_btf_id = static_cast<std::uint32_t>(iterator);
  const UniqueFd loaded{bpf_prog_load(BPF_PROG_TYPE_TRACING, "cw_destroy", "GPL", program.data(),
                                      program.size(), &options)};
  return loaded.valid() ? iterate(loaded.get()) : -errno;
}

int join_sockmap(int fd, Verdict verdict) {
  const int map = bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "cw_sockmap", sizeof(std::uint32_t),
                                 sizeof(std::uint32_t), 1, nullptr);
  if (map < 0) {
    return -errno;
  }
  if (verdict == Verdict::pass) {
    const std::array program{set(BPF_REG_0, SK_PASS), leave()};
    const UniqueFd loaded{bpf_prog_load(BPF_PROG_TYPE_SK_SKB, "cw_pass", "GPL", program.data(),
                                        program.size(), nullptr)};
    if (!loaded.valid() || bpf_prog_attach(loaded.get(), map, BPF_SK_SKB_STREAM_VERDICT, 0) != 0) {
      return -errno;
    }
  }
  const std::uint32_t first = 0;
  return bpf_map_update_elem(map, &first, &fd, BPF_ANY) == 0 ? 0 : -errno;
}

}  // namespace closewatch::scenarios
