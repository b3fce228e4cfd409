// SPDX-License-Identifier: Apache-2.0
#include "userspace/kernel/pending.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <tuple>

#include "userspace/base/unique_fd.h"
#include "userspace/kernel/skeleton.h"

namespace closewatch {
namespace {

// Maps of other closewatches, of this name and layout: that of the last to start comes first.
std::vector<UniqueFd> find_running(const bpf_map* like) {
  std::vector<UniqueFd> found;
  __u32 id = 0;
  while (bpf_map_get_next_id(id, &id) == 0) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    bpf_map_info info{};
    __u32 size = sizeof info;
    if (map.valid() && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 &&
        std::string_view(info.name) == bpf_map__name(like) && info.type == bpf_map__type(like) &&
        info.value_size == bpf_map__value_size(like)) {
      found.insert(found.begin(), std::move(map));
    }
  }
  return found;
}

// A ledger in its two parts. Those of two closewatches tell less and nothing wrong: an entry is
// found by its socket in either.
struct Ledger {
  UniqueFd table;
  UniqueFd places;
};

std::vector<Ledger> find_ledgers(const closewatch_bpf& like) {
  std::vector<UniqueFd> tables = find_running(like.maps.ledger);
  std::vector<UniqueFd> places = find_running(like.maps.ledger_places);
  std::vector<Ledger> ledgers(std::min(tables.size(), places.size()));
  for (std::size_t i = 0; i < ledgers.size(); ++i) {
    ledgers[i] = {std::move(tables[i]), std::move(places[i])};
  }
  return ledgers;
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

// What a run of an iterator with this ledger tells; nullptr: with none.
Result<std::vector<PendingClose>> list_by(const Ledger* ledger) {
  const SkeletonPtr skeleton = open_skeleton(false);
  if (!skeleton) {
    return cannot("read the BPF object", errno);
  }
  bpf_program__set_autoload(skeleton->progs.iter__tcp, true);
  if (ledger != nullptr &&
      (bpf_map__reuse_fd(skeleton->maps.ledger, ledger->table.get()) != 0 ||
       bpf_map__reuse_fd(skeleton->maps.ledger_places, ledger->places.get()) != 0)) {
    return cannot("use the ledger of another closewatch", errno);
  }
  skeleton->bss->cw_ledger_behind = 1;  // how many there are is not known here
  if (const int status = closewatch_bpf::load(skeleton.get()); status != 0) {
    return cannot("load the socket iterator", -status);
  }
  const LinkPtr link(bpf_program__attach_iter(skeleton->progs.iter__tcp, nullptr));
  return link ? read_pending(bpf_link__fd(link.get()))
              : Result<std::vector<PendingClose>>(cannot("attach the socket iterator", errno));
}

bool all_known(const std::vector<PendingClose>& closes) {
  return std::ranges::all_of(closes,
                             [](const PendingClose& close) { return close.process.known(); });
}

// Who closed, and when, of those that `earlier` knows more of.
void fill_in(std::vector<PendingClose>& closes, const std::vector<PendingClose>& earlier) {
  const auto ends = [](const PendingClose& close) {
    return std::tie(close.local.address, close.local.port, close.peer.address, close.peer.port);
  };
  std::map<decltype(ends(closes.front())), const PendingClose*> known;
  for (const PendingClose& close : earlier) {
    if (close.process.known()) {
      known.emplace(ends(close), &close);
    }
  }
  for (PendingClose& close : closes) {
    const auto found = known.find(ends(close));
    if (!close.process.known() && found != known.end()) {
      close.process = found->second->process;
      close.role = found->second->role;
      close.age_ns = found->second->age_ns;
    }
  }
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
  const std::vector<Ledger> ledgers = find_ledgers(*skeleton);
  auto closes = list_by(ledgers.empty() ? nullptr : &ledgers.front());
  for (std::size_t i = 1; i < ledgers.size() && closes.ok() && !all_known(*closes); ++i) {
    const auto earlier = list_by(&ledgers[i]);
    if (!earlier.ok()) {
      return earlier.error();
    }
    fill_in(*closes, *earlier);
  }
  if (!closes.ok()) {
    return std::move(closes).error();
  }
  return PendingCloses{.closes = std::move(closes).take(), .ledger_found = !ledgers.empty()};
}

}  // namespace closewatch
