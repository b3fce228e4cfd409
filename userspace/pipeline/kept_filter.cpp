// SPDX-License-Identifier: Apache-2.0
#include "userspace/pipeline/kept_filter.h"

#include <algorithm>
#include <string_view>

namespace closewatch {
namespace {

template <typename Value>
bool lists(const std::vector<Value>& wanted, Value value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

bool is_or_is_below(std::string_view path, std::string_view top) {
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

}  // namespace

bool is_attempt(const Closure& closure) {
  return closure.final_state == TcpState::syn_sent || closure.final_state == TcpState::syn_recv;
}

bool KeptFilter::wants(const Closure& closure, const ProcessDetails& process) const {
  return wants_connection(closure) && wants_process(closure.process, process);
}

bool KeptFilter::wants_process(const Task& task, const ProcessDetails& process) const {
  if (!task.known()) {
    return pids.empty() && uids.empty() && !cgroup;
  }
  return lists(pids, task.pid) && lists(uids, task.uid) &&
         (!cgroup || cgroup->empty() ||
          (process.cgroup && is_or_is_below(*process.cgroup, *cgroup)));
}

bool KeptFilter::in_doubt(const Closure& closure, const ProcessDetails& process) const {
  const Task& task = closure.process;
  return cgroup && !cgroup->empty() && task.known() && !process.cgroup && lists(pids, task.pid) &&
         lists(uids, task.uid) && wants_connection(closure);
}

bool KeptFilter::wants_connection(const Closure& closure) const {
  return (attempts || !is_attempt(closure)) && (!netns || closure.netns == *netns) &&
         (!ipv4 || closure.peer.is_ipv4() == *ipv4) && lists(local_ports, closure.local.port) &&
         lists(peer_ports, closure.peer.port);
}

}  // namespace closewatch
