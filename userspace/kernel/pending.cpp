// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/pending.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "userspace/base/unique_fd.h"
#include "userspace/kernel/skeleton.h"

namespace closewatch {
namespace {

// A map of another closewatch: the newest of this name and layout.
UniqueFd find_running(const bpf_map* like) {
  UniqueFd newest;
  __u32 id = 0;
  while (bpf_map_get_next_id(id, &id) == 0) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 size = sizeof info;
    if (map.valid() && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 &&
        std::string_view(info.name) == bpf_map__name(like) && info.type == bpf_map__type(like) &&
        info.value_size == bpf_map__value_size(like)) {
      newest = std::move(map);
    }
  }
  return newest;
}

PendingClose from_record(const cw_pending& record) {
  PendingClose out;
  out.process.pid = record.process.pid;
  out.process.tid = record.process.tid;
  out.process.uid = record.process.uid;
  out.process.start_ns = record.process.start_ns;
  out.process.cgroup_id = record.process.cgroup_id;
  std::memcpy(out.process.comm_bytes.data(), record.process.comm, CW_COMM_LENGTH);
  out.role = static_cast<Role>(record.role);
  if (record.close_ns != 0) {
    out.age_ns = record.now_ns - record.close_ns;
  }
  out.unacked = record.unacked;
  out.never_sent = record.never_sent;
  out.netns = record.netns;
  out.state = static_cast<TcpState>(record.state);
  std::memcpy(out.local.address.data(), record.local, CW_ADDRESS_LENGTH);
  std::memcpy(out.peer.address.data(), record.peer, CW_ADDRESS_LENGTH);
  out.local.port = record.local_port;
  out.peer.port = record.peer_port;
  return out;
}

Error cannot(const std::string& what, int number) {
  return {.what = "cannot " + what + ": " + std::strerror(number),
          .hint = "run as root, or with CAP_BPF and CAP_PERFMON",
          .code = ExitCode::unsupported};
}

}  // namespace

Result<std::vector<PendingClose>> read_pending(int link) {
  const UniqueFd iterator(bpf_iter_create(link));
  if (!iterator.valid()) {
    return cannot("run the socket iterator", errno);
  }
  std::string bytes;
  char chunk[64 * sizeof(cw_pending)];
  ssize_t got = 0;
  while ((got = ::read(iterator.get(), chunk, sizeof chunk)) > 0 ||
         (got < 0 && (errno == EINTR || errno == EAGAIN))) {
    bytes.append(chunk, got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  if (got < 0) {
    return cannot("read the sockets", errno);
  }
  std::vector<PendingClose> closes;
  for (std::size_t at = 0; at + sizeof(cw_pending) <= bytes.size(); at += sizeof(cw_pending)) {
    cw_pending record{};
    std::memcpy(&record, bytes.data() + at, sizeof record);
    closes.push_back(from_record(record));
  }
  return closes;
}

Result<PendingCloses> list_pending(bool verbose) {
  set_libbpf_output(verbose);
  const SkeletonPtr skeleton = open_skeleton(false);
  if (!skeleton) {
    return cannot("read the BPF object", errno);
  }
  bpf_program__set_autoload(skeleton->progs.iter__tcp, true);

  PendingCloses out;
  out.ledger_found = true;
  for (bpf_map* map : {skeleton->maps.ledger, skeleton->maps.ledger_places}) {
    const UniqueFd running = find_running(map);
    out.ledger_found =
        running.valid() && bpf_map__reuse_fd(map, running.get()) == 0 && out.ledger_found;
  }
  skeleton->bss->cw_ledger_behind = 1;  // how many there are is not known here
  if (const int status = closewatch_bpf::load(skeleton.get()); status != 0) {
    return cannot("load the socket iterator", -status);
  }
  const LinkPtr link(bpf_program__attach_iter(skeleton->progs.iter__tcp, nullptr));
  auto closes =
      link ? read_pending(bpf_link__fd(link.get()))
           : Result<std::vector<PendingClose>>(cannot("attach the socket iterator", errno));
  if (!closes.ok()) {
    return std::move(closes).error();
  }
  out.closes = std::move(closes).take();
  return out;
}

}  // namespace closewatch
