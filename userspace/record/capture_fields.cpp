// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/capture_fields.h"

#include <algorithm>
#include <array>

namespace closewatch {
namespace {

constexpr std::array kCounters{
    &KernelCounters::ended,
    &KernelCounters::recorded,
    &KernelCounters::filtered,
    &KernelCounters::lost_ring,
    &KernelCounters::lost_ledger,
    &KernelCounters::unestablished,
    &KernelCounters::unestablished_lost,
    &KernelCounters::amended,
    &KernelCounters::amended_lost,
    &KernelCounters::totals_folded,
    &KernelCounters::rst_no_socket,
    &KernelCounters::wakeups,
    &KernelCounters::ledger_refused,
    &KernelCounters::ends_recovered,
    &KernelCounters::begun,
    &KernelCounters::open,
    &KernelCounters::unseen,
    &KernelCounters::stacks_lost,
    &KernelCounters::holders_refused,
    &KernelCounters::missed_runs,
    &KernelCounters::made_up_runs,
};
static_assert(sizeof(KernelCounters) == kCounters.size() * sizeof(std::uint64_t));

}  // namespace

void write_fields(FieldWriter& out, const CaptureHeader& header) {
  out.number(header.tick_ns);
  out.number(header.start_ns);
  out.number(header.boot_to_unix_ns);
  out.number(std::uint8_t{header.full_hooks});
  out.text(header.closewatch_version);
  out.text(header.kernel_release);
  out.text(header.boot_id);
  out.number(static_cast<std::uint16_t>(header.reset_reasons.size()));
  for (const auto& [value, name] : header.reset_reasons) {
    out.number(std::int32_t{value});
    out.text(name);
  }
}

void read_fields(FieldReader& in, CaptureHeader& header) {
  header.tick_ns = in.number<std::uint64_t>();
  header.start_ns = in.number<std::uint64_t>();
  header.boot_to_unix_ns = in.number<std::int64_t>();
  header.full_hooks = in.yes_no();
  header.closewatch_version = in.text();
  header.kernel_release = in.text();
  header.boot_id = in.text();
  for (auto left = in.number<std::uint16_t>(); left > 0 && in.ok(); --left) {
    const auto value = in.number<std::int32_t>();
    header.reset_reasons.emplace(value, in.text());
  }
}

void write_fields(FieldWriter& out, const CaptureGap& gap) {
  out.number(gap.lost_records);
  out.number(gap.since_ns);
}

void read_fields(FieldReader& in, CaptureGap& gap) {
  gap.lost_records = in.number<std::uint64_t>();
  gap.since_ns = in.number<std::uint64_t>();
}

void write_fields(FieldWriter& out, const ProcessNote& note) {
  out.number(note.pid);
  out.number(note.start_ns);
  out.number(note.cgroup_id);
  out.optional_text(note.exe);
  out.optional_text(note.cgroup);
  out.optional_text(note.container);
  out.number(std::uint8_t{note.start_unix_ns.has_value()});
  out.number(note.start_unix_ns.value_or(0));
}

void read_fields(FieldReader& in, ProcessNote& note) {
  note.pid = in.number<std::uint32_t>();
  note.start_ns = in.number<std::uint64_t>();
  note.cgroup_id = in.number<std::uint64_t>();
  note.exe = in.optional_text();
  note.cgroup = in.optional_text();
  note.container = in.optional_text();
  const bool started = in.yes_no();
  const auto start_unix_ns = in.number<std::int64_t>();
  if (started) {
    note.start_unix_ns = start_unix_ns;
  }
}

void write_fields(FieldWriter& out, const StackNote& note) {
  const auto frames = std::span{note.frames}.first(std::min(note.frames.size(), kMaxFrames));
  out.number(std::uint8_t{note.user});
  out.number(note.id);
  out.number(static_cast<std::uint16_t>(frames.size()));
  for (const std::string_view frame : frames) {
    out.text(frame);
  }
}

void read_fields(FieldReader& in, StackNote& note) {
  note.user = in.yes_no();
  note.id = in.number<std::int32_t>();
  for (auto left = in.number<std::uint16_t>(); left > 0 && in.ok(); --left) {
    note.frames.push_back(in.text());
  }
}

void write_fields(FieldWriter& out, const ProcessTotals& totals) {
  out.number(totals.process.pid);
  out.number(totals.process.uid);
  out.number(totals.process.start_ns);
  out.bytes(std::as_bytes(std::span{totals.process.comm_bytes}));
  out.number(totals.closures);
  out.number(totals.lost);
  out.number(totals.discarded);
  out.number(totals.unread);
  out.number(std::uint8_t{totals.other});
}

void read_fields(FieldReader& in, ProcessTotals& totals) {
  totals.process.pid = in.number<std::uint32_t>();
  totals.process.uid = in.number<std::uint32_t>();
  totals.process.start_ns = in.number<std::uint64_t>();
  std::ranges::copy(in.bytes(totals.process.comm_bytes.size()),
                    std::as_writable_bytes(std::span{totals.process.comm_bytes}).begin());
  totals.closures = in.number<std::uint64_t>();
  totals.lost = in.number<std::uint64_t>();
  totals.discarded = in.number<std::uint64_t>();
  totals.unread = in.number<std::uint64_t>();
  totals.other = in.yes_no();
}

void write_fields(FieldWriter& out, const CaptureTrailer& trailer) {
  out.number(trailer.end_ns);
  out.number(trailer.records);
  out.number(trailer.rejected);
  out.number(trailer.lost);
  for (const auto counter : kCounters) {
    out.number(trailer.kernel.*counter);
  }
}

void read_fields(FieldReader& in, CaptureTrailer& trailer) {
  trailer.end_ns = in.number<std::uint64_t>();
  trailer.records = in.number<std::uint64_t>();
  trailer.rejected = in.number<std::uint64_t>();
  trailer.lost = in.number<std::uint64_t>();
  for (const auto counter : kCounters) {
    trailer.kernel.*counter = in.number<std::uint64_t>();
  }
}

}  // namespace closewatch
