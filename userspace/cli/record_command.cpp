// SPDX-License-Identifier: Apache-2.0
#include <sys/utsname.h>

#include <fstream>
#include <map>
#include <unordered_map>
#include <variant>

#include "userspace/base/clock.h"
#include "userspace/cli/commands.h"
#include "userspace/enrich/live_stacks.h"
#include "userspace/enrich/process_enricher.h"
#include "userspace/observe/live.h"
#include "userspace/record/capture_writer.h"
#include "userspace/record/decode.h"
#include "userspace/render/streams.h"

namespace closewatch {
namespace {

// What replay cannot ask the host for any more, written once and again when it changed.
class Notes {
 public:
  Notes(CaptureWriter& writer, std::int64_t boot_to_unix_ns, StackSource stacks)
      : writer_(writer), enricher_(boot_to_unix_ns), stacks_(std::move(stacks)) {}

  // True for a closure.
  bool note_all(std::span<const std::byte> record) {
    const Decoded decoded = decode(record);
    if (const auto* closure = std::get_if<Closure>(&decoded)) {
      note(closure->process);
      note(closure->actor);
      if (closure->stack_kernel) {
        note(false, *closure->stack_kernel, stacks_.kernel(*closure->stack_kernel));
      }
      if (closure->stack_user) {
        note(true, *closure->stack_user, stacks_.user(*closure->stack_user, caller_of(*closure)));
      }
    } else if (const auto* amendment = std::get_if<Amendment>(&decoded)) {
      note(amendment->process);
    }
    return std::holds_alternative<Closure>(decoded);
  }

 private:
  static constexpr std::size_t kRemembered = 4096;

  void note(const Task& task) {
    if (!task.known()) {
      return;
    }
    const ProcessDetails& details = enricher_.details(task);
    if (written_.size() >= kRemembered) {
      written_.clear();
    }
    const auto [known, added] = written_.try_emplace(key(task), details);
    if (!added && known->second == details) {
      return;
    }
    known->second = details;
    writer_.append(ProcessNote{.pid = task.pid,
                               .start_ns = task.start_ns,
                               .cgroup_id = task.cgroup_id,
                               .exe = details.exe,
                               .cgroup = details.cgroup,
                               .container = details.container,
                               .start_unix_ns = details.start_unix_ns});
  }

  void note(bool user, std::int32_t id, const Frames& frames) {
    const auto [known, added] = written_stacks_.try_emplace({user, id}, frames);
    if (!added && known->second == frames) {
      return;
    }
    known->second = frames;
    writer_.append(StackNote{.user = user, .id = id, .frames = {frames.begin(), frames.end()}});
  }

  static std::uint64_t key(const Task& task) {
    return (task.start_ns ^ (task.cgroup_id << 32)) * 0x9e3779b97f4a7c15ULL + task.pid;
  }

  CaptureWriter& writer_;
  ProcessEnricher enricher_;
  LiveStacks stacks_;
  std::unordered_map<std::uint64_t, ProcessDetails> written_;
  std::map<std::pair<bool, std::int32_t>, Frames> written_stacks_;  // as many as there are ids
};

std::string first_line(const char* path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

CaptureHeader make_header(const Live& live, const SourceContext& source) {
  utsname host{};
  ::uname(&host);
  CaptureHeader header;
  header.tick_ns = source.tick_ns;
  header.start_ns = boot_now_ns();
  header.boot_to_unix_ns = source.boot_to_unix_ns;
  header.full_hooks = live.observer().plan().set == HookSet::full;
  header.closewatch_version = CLOSEWATCH_VERSION;
  header.kernel_release = host.release;
  header.boot_id = first_line("/proc/sys/kernel/random/boot_id");
  header.reset_reasons = source.reset_reasons;
  return header;
}

Result<> finish(CaptureWriter& writer, Live& live) {
  auto totals = live.observer().take_totals();
  if (!totals.ok()) {
    return std::move(totals).error();
  }
  for (const ProcessTotals& process : *totals) {
    writer.append(process);
  }
  return writer.finish(boot_now_ns(), live.observer().account());
}

}  // namespace

Result<> run_record(const Options& options) {
  KernelOptions kernel = options.kernel;
  kernel.totals = true;
  auto live = Live::start(options.filter, kernel);
  if (!live.ok()) {
    return std::move(live).error();
  }
  const SourceContext source = live->source();
  auto writer = CaptureWriter::create(options.file, make_header(*live, source), options.force);
  if (!writer.ok()) {
    return std::move(writer).error();
  }
  print_watching(*live, options.kernel.verbose);
  Notes notes(*writer, source.boot_to_unix_ns, live->stacks());
  const std::uint64_t limit = options.view.count.value_or(UINT64_MAX);
  std::uint64_t records = 0;
  std::uint64_t closures = 0;
  Result<> written;
  const WatchHandlers handlers{
      .record =
          [&](std::span<const std::byte> bytes) {
            closures += notes.note_all(bytes) ? 1 : 0;
            writer->append(bytes);
            ++records;
          },
      .gap =
          [&](std::uint64_t lost, std::uint64_t since) {
            writer->append(CaptureGap{.lost_records = lost, .since_ns = since});
          },
      .batch_end =
          [&](std::uint64_t now) {
            written = writer->end_batch(now);
            return written.ok() && closures < limit;
          },
      .due_ns = [] { return std::nullopt; },
  };
  auto result = live->run(handlers, options.view.duration_s);
  if (written.ok()) {
    written = finish(*writer, *live);
  }
  if (!options.view.quiet) {
    print_account(kernel_account(live->observer().account()));
    notice("closewatch: {} records read = {} written + {} not written + {} rejected\n", records,
           writer->written(), writer->unwritten(), writer->rejected());
  }
  return written.ok() ? std::move(result) : std::move(written);
}

}  // namespace closewatch
