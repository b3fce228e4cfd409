// SPDX-License-Identifier: Apache-2.0
// A replay gives byte for byte what a trace of the same records gave.
#include "userspace/cli/replay.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "tests/data/raw_record.h"
#include "tests/unit/pipeline/sinks.h"
#include "userspace/cli/sinks.h"
#include "userspace/record/capture_writer.h"

namespace closewatch {
namespace {

using testing::encode;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kStart = 60'000'000'000;

CaptureHeader header() {
  CaptureHeader header;
  header.tick_ns = 4'000'000;
  header.start_ns = kStart;
  header.boot_to_unix_ns = 1'700'000'000'000'000'000;
  header.closewatch_version = "0.1.0";
  header.kernel_release = "6.12.95";
  header.boot_id = "01234567-89ab-cdef-0123-456789abcdef";
  header.reset_reasons = {{11, "TCP_ABORT_ON_CLOSE"}};
  return header;
}

class Memory {
 public:
  Memory() : fd_(::memfd_create("memory", MFD_CLOEXEC)) {}
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::string text() const {
    std::string text(static_cast<std::size_t>(::lseek(fd_.get(), 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(fd_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }

 private:
  UniqueFd fd_;
};

// One recording: what a live loop hands on, in its order.
template <typename Take>
void play(Take& take) {
  const Closure held = testing::ambiguous_reset(1, kStart);
  const Closure unanswered = testing::ambiguous_reset(2, kStart + 1);
  Closure called = testing::graceful_close(6, kStart);
  called.stack_kernel = 21;
  called.stack_user = 22;
  called.actor = testing::example_task(7, "ss");
  const Closure moved = testing::graceful_close(6, kStart + 56 * kMs + 1);
  Amendment closer = testing::example_amendment(3);
  closer.id = {.end_ns = kStart + 2, .cpu = 0};
  closer.process = testing::example_task(8, "worker");
  const auto found = [&take](const Task& task, std::string_view exe, std::string_view cgroup) {
    take.note(ProcessNote{.pid = task.pid,
                          .start_ns = task.start_ns,
                          .cgroup_id = task.cgroup_id,
                          .exe = exe,
                          .cgroup = cgroup,
                          .container = "4f5e\x7f",
                          .start_unix_ns = 1'700'000'000'123'456'789});
  };
  found(called.process, "=evil,\"\n\xff", "/first.slice");
  found(called.actor, "ss", "/actor.slice");
  take.note(StackNote{.user = false, .id = 21, .frames = {"tcp_close+0x1d", "inet_release+0x3f"}});
  take.note(StackNote{.user = true, .id = 22, .frames = {"evil\n\x1b[31m\"+0x10"}});
  take.record(encode(called));
  take.record(encode(held));
  take.record(encode(unanswered));
  take.record(encode(testing::graceful_close(3, kStart + 2)));
  take.batch_end(kStart + 10 * kMs);
  take.record(encode(testing::rst_answer(held, kStart + 11 * kMs)));
  take.gap(5, kStart + 10 * kMs);
  take.batch_end(kStart + 20 * kMs);
  take.batch_end(kStart + 55 * kMs);  // live, unanswered goes here
  take.record(encode(testing::graceful_close(4, kStart + 56 * kMs)));
  found(moved.process, "upgraded", "/second.slice");
  take.record(encode(moved));
  found(closer.process, "worker", "/closer.slice");
  take.record(encode(closer));
  take.record(encode(testing::rst_answer(unanswered, kStart + 57 * kMs)));
  take.record(std::vector<std::byte>(sizeof(cw_header)));
  take.record(encode(testing::ambiguous_reset(5, kStart + 58 * kMs)));
  take.batch_end(kStart + 60 * kMs);
}

// What /proc says of the processes of the recording, as it is by then.
class Host final : public Enricher {
 public:
  const ProcessDetails& details(const Task& task) override { return processes_[task.pid]; }
  void change(const ProcessNote& note) {
    processes_[note.pid] = {.exe = std::string(*note.exe),
                            .cgroup = std::string(*note.cgroup),
                            .container = std::string(*note.container),
                            .start_unix_ns = note.start_unix_ns};
  }

 private:
  std::map<std::uint32_t, ProcessDetails> processes_;
};

struct ToPipeline {
  Pipeline& pipeline;
  Host& host;
  StoredStacks& stacks;
  void note(const ProcessNote& note) const { host.change(note); }
  void note(const StackNote& note) const { stacks.take(note); }
  void record(const std::vector<std::byte>& bytes) const { pipeline.record(bytes); }
  void gap(std::uint64_t lost, std::uint64_t since) const { pipeline.gap(lost, since); }
  void batch_end(std::uint64_t now) const { pipeline.batch_end(now); }
};

struct ToCapture {
  CaptureWriter& writer;
  template <typename Note>
  void note(const Note& note) const {
    writer.append(note);
  }
  void record(const std::vector<std::byte>& bytes) const { writer.append(bytes); }
  void gap(std::uint64_t lost, std::uint64_t since) const {
    writer.append(CaptureGap{.lost_records = lost, .since_ns = since});
  }
  void batch_end(std::uint64_t now) const { EXPECT_TRUE(writer.end_batch(now).ok()); }
};

struct Form {
  const char* name;
  Format format;
  bool wide = false;
  bool timestamp = false;

  [[nodiscard]] std::unique_ptr<Sink> sink(Output& output) const {
    ViewOptions view;
    view.format = format;
    view.wide = wide;
    view.timestamp = timestamp;
    return make_sink(view, header().tick_ns, output);
  }
};

std::string traced(const Form& form) {
  const Memory out;
  Output output(out.fd());
  const std::unique_ptr<Sink> sink = form.sink(output);
  Host host;
  Pipeline pipeline(source_of(header()), {}, host, {sink.get()});
  StoredStacks stacks;
  pipeline.show(stacks);
  ToPipeline take{pipeline, host, stacks};
  play(take);
  pipeline.finish();
  return out.text();
}

std::string replayed(const Form& form) {
  const Memory file;
  auto writer = CaptureWriter::on_descriptor(UniqueFd(::dup(file.fd())), "capture", header());
  EXPECT_TRUE(writer.ok());
  ToCapture take{*writer};
  play(take);
  EXPECT_TRUE(writer->finish(kStart + 70 * kMs, {}).ok());
  EXPECT_EQ(::lseek(file.fd(), 0, SEEK_SET), 0);

  const Memory out;
  Output output(out.fd());
  const std::unique_ptr<Sink> sink = form.sink(output);
  auto reader = CaptureReader::on_descriptor(UniqueFd(::dup(file.fd())), "capture");
  EXPECT_TRUE(reader.ok());
  StoredEnricher enricher;
  Pipeline pipeline(source_of(reader->header()), {}, enricher, {sink.get()});
  StoredStacks stacks;
  pipeline.show(stacks);
  ReplayEnd end;
  EXPECT_TRUE(replay(
                  *reader, pipeline, enricher, stacks, [] { return true; }, end)
                  .ok());
  EXPECT_TRUE(end.trailer.has_value());
  return out.text();
}

class ReplayInForm : public ::testing::TestWithParam<Form> {};

TEST_P(ReplayInForm, IsTheTraceByteForByte) { EXPECT_EQ(replayed(GetParam()), traced(GetParam())); }

INSTANTIATE_TEST_SUITE_P(Each, ReplayInForm,
                         ::testing::Values(Form{"json", Format::json}, Form{"csv", Format::csv},
                                           Form{"narrow", Format::text},
                                           Form{"wide", Format::text, true},
                                           Form{"narrow_with_time", Format::text, false, true},
                                           Form{"wide_with_time", Format::text, true, true}),
                         [](const auto& test) { return std::string(test.param.name); });

// What the recording must hold for the above to mean anything.
TEST(Replay, ShowsWhatTheRecordingHolds) {
  const std::string json = replayed({"json", Format::json});
  for (const char* part :
       {R"("reason":"data_after_close")", R"("lost_records":5)",
        R"("stack":["tcp_close+0x1d","inet_release+0x3f","evil\u000a\u001b[31m\"+0x10"])",
        R"("start_time":"2023-11-14T22:13:20.123456789Z","exe":"=evil,\"\u000a\ufffdff",)"
        R"("cgroup":"/first.slice","container":"4f5e\u007f"})",
        R"("exe":"upgraded","cgroup":"/second.slice")", R"("exe":"ss","cgroup":"/actor.slice")",
        R"("exe":"worker","cgroup":"/closer.slice")", R"("exe":null,"cgroup":null)"}) {
    EXPECT_NE(json.find(part), std::string::npos) << part << '\n' << json;
  }
  const std::string wide = replayed({"wide", Format::text, true});
  for (const char* part : {"/first.slice\n", "/second.slice\n", "1007 ss", "\n!! 5 records lost"}) {
    EXPECT_NE(wide.find(part), std::string::npos) << part << '\n' << wide;
  }
}

}  // namespace
}  // namespace closewatch
