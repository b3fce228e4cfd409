// SPDX-License-Identifier: Apache-2.0
// The BPF skeleton and its links with owners, and what libbpf says while it works on them. Inside
// kernel/ only: no other room sees libbpf.
#pragma once

#include <bpf/libbpf.h>

#include <memory>
#include <string>

#include "bpf/abi.h"
#include "closewatch.skel.h"

namespace closewatch {

struct SkeletonDeleter {
  void operator()(closewatch_bpf* skeleton) const { closewatch_bpf::destroy(skeleton); }
};
using SkeletonPtr = std::unique_ptr<closewatch_bpf, SkeletonDeleter>;

// The programs, opened and not loaded; nullptr with errno. `read_cast`: as kernels with
// bpf_rdonly_cast() verify them in less time (bpf/compat.bpf.h); they do the same.
SkeletonPtr open_skeleton(bool read_cast);

struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using LinkPtr = std::unique_ptr<bpf_link, LinkDeleter>;

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using RingPtr = std::unique_ptr<ring_buffer, RingDeleter>;

// From here on libbpf is silent, or with `verbose` speaks on stderr.
void set_libbpf_output(bool verbose);

}  // namespace closewatch
