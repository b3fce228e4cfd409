// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/process_directory.h"

#include <algorithm>
#include <functional>

namespace closewatch::history {
namespace {

constexpr std::size_t kFewProcesses = 512;

void complete(std::optional<std::string>& known, const std::optional<std::string>& now) {
  if (!known && now) {
    known = now;
  }
}

}  // namespace

std::size_t ProcessDirectory::IdentityHash::operator()(const Identity& identity) const {
  const std::hash<std::string_view> hash;
  return hash({identity.comm.data(), identity.comm.size()}) ^
         ((identity.start_ns ^ identity.pid) * 0x9e3779b97f4a7c15ULL + identity.uid);
}

std::shared_ptr<Process> ProcessDirectory::of(const Task& task, const ProcessDetails& details) {
  if (!task.known()) {
    return nullptr;
  }
  const Identity identity{task.start_ns, task.pid, task.uid, task.comm_bytes};
  if (const auto found = processes_.find(identity); found != processes_.end()) {
    ProcessDetails& known = found->second->details;
    if (!known.exe || !known.cgroup || !known.container) [[unlikely]] {
      complete(known.exe, details.exe);
      complete(known.cgroup, details.cgroup);
      complete(known.container, details.container);
    }
    return found->second;
  }
  if (processes_.size() >= forget_at_) {
    std::erase_if(processes_, [](const auto& entry) { return entry.second.use_count() == 1; });
    forget_at_ = processes_.size() + std::max(kFewProcesses, processes_.size() / 4);
  }
  auto process = std::make_shared<Process>(Process{.task = task, .details = details});
  processes_.emplace(identity, process);
  return process;
}

Result<> ProcessDirectory::prepare(Database& database) {
  if (seen_) {
    return {};
  }
  auto insert = database.prepare(
      "INSERT INTO process(boot, pid, start_boot_ns, comm, uid, start_ns, exe, cgroup, cgroup_id,"
      " container, seen_minute) VALUES(?,?,?,?,?,?,?,?,?,?,?)"
      " ON CONFLICT DO UPDATE SET exe = coalesce(exe, excluded.exe),"
      " cgroup = coalesce(cgroup, excluded.cgroup),"
      " container = coalesce(container, excluded.container),"
      " seen_minute = max(seen_minute, excluded.seen_minute) RETURNING id");
  if (!insert.ok()) {
    return std::move(insert).error();
  }
  auto seen = database.prepare("UPDATE process SET seen_minute = max(seen_minute, ?) WHERE id = ?");
  if (!seen.ok()) {
    return std::move(seen).error();
  }
  insert_ = std::move(insert).take();
  seen_ = std::move(seen).take();
  return {};
}

Result<std::int64_t> ProcessDirectory::row_of(Database& database, std::int64_t boot,
                                              const std::shared_ptr<Process>& process,
                                              std::int64_t minute) {
  if (process == nullptr) {
    return kNotKnown;
  }
  if (process->row != 0 && process->written_minute >= minute) {
    return process->row;
  }
  if (auto prepared = prepare(database); !prepared.ok()) {
    return std::move(prepared).error();
  }
  touched_.push_back(process);
  if (process->row != 0) {
    if (auto updated = seen_->begin().put(minute).put(process->row).run(); !updated.ok()) {
      return std::move(updated).error();
    }
    if (database.rows_changed() == 1) {
      process->written_minute = minute;
      return process->row;
    }
    // Retention deleted the row: it was not seen for so long.
  }
  const Task& task = process->task;
  const ProcessDetails& details = process->details;
  insert_->begin().put(boot).put(task.pid).put(task.start_ns).put(task.comm()).put(task.uid);
  insert_->put(details.start_unix_ns).put(details.exe).put(details.cgroup).put(task.cgroup_id);
  const auto row = insert_->put(details.container).put(minute).step();
  if (!row.ok()) {
    return row.error();
  }
  process->row = insert_->number();
  process->written_minute = minute;
  if (const auto end = insert_->step(); !end.ok()) {  // RETURNING is over only then
    return end.error();
  }
  insert_->begin();
  return process->row;
}

void ProcessDirectory::committed() { touched_.clear(); }

void ProcessDirectory::undone() {
  for (const std::shared_ptr<Process>& process : touched_) {
    process->row = 0;
    process->written_minute = -1;
  }
  touched_.clear();
}

void ProcessDirectory::forget_rows() {
  for (auto& [identity, process] : processes_) {
    process->row = 0;
    process->written_minute = -1;
  }
  touched_.clear();
  insert_.reset();
  seen_.reset();
}

}  // namespace closewatch::history
