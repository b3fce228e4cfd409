// SPDX-License-Identifier: Apache-2.0
// A replay gives byte for byte what a trace of the same records gave.
#include "userspace/cli/replay.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/data/raw_record.h"
#include "tests/unit/pipeline/sinks.h"
#include "userspace/record/capture_writer.h"
#include "userspace/render/csv.h"
#include "userspace/render/json_lines.h"

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
  take.note({.user = false, .id = 21, .frames = {"tcp_close+0x1d", "inet_release+0x3f"}});
  take.note({.user = true, .id = 22, .frames = {"evil\n\x1b[31m\"+0x10"}});
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
  take.record(encode(testing::rst_answer(unanswered, kStart + 57 * kMs)));
  take.record(std::vector<std::byte>(sizeof(cw_header)));
  take.record(encode(testing::ambiguous_reset(5, kStart + 58 * kMs)));
  take.batch_end(kStart + 60 * kMs);
}

struct ToPipeline {
  Pipeline& pipeline;
  StoredStacks& stacks;
  void note(const StackNote& note) const { stacks.take(note); }
  void record(const std::vector<std::byte>& bytes) const { pipeline.record(bytes); }
  void gap(std::uint64_t lost, std::uint64_t since) const { pipeline.gap(lost, since); }
  void batch_end(std::uint64_t now) const { pipeline.batch_end(now); }
};

struct ToCapture {
  CaptureWriter& writer;
  void note(const StackNote& note) const { writer.append(note); }
  void record(const std::vector<std::byte>& bytes) const { writer.append(bytes); }
  void gap(std::uint64_t lost, std::uint64_t since) const {
    writer.append(CaptureGap{.lost_records = lost, .since_ns = since});
  }
  void batch_end(std::uint64_t now) const { EXPECT_TRUE(writer.end_batch(now).ok()); }
};

template <typename Format>
std::string traced() {
  const Memory out;
  Output output(out.fd());
  Format sink(output, header().tick_ns);
  StoredEnricher enricher;
  Pipeline pipeline(source_of(header()), {}, enricher, {&sink});
  StoredStacks stacks;
  pipeline.show(stacks);
  ToPipeline take{pipeline, stacks};
  play(take);
  pipeline.finish();
  return out.text();
}

template <typename Format>
std::string replayed() {
  const Memory file;
  auto writer = CaptureWriter::on_descriptor(UniqueFd(::dup(file.fd())), "capture", header());
  EXPECT_TRUE(writer.ok());
  ToCapture take{*writer};
  play(take);
  EXPECT_TRUE(writer->finish(kStart + 70 * kMs, {}).ok());
  EXPECT_EQ(::lseek(file.fd(), 0, SEEK_SET), 0);

  const Memory out;
  Output output(out.fd());
  Format sink(output, header().tick_ns);
  auto reader = CaptureReader::on_descriptor(UniqueFd(::dup(file.fd())), "capture");
  EXPECT_TRUE(reader.ok());
  StoredEnricher enricher;
  Pipeline pipeline(source_of(reader->header()), {}, enricher, {&sink});
  StoredStacks stacks;
  pipeline.show(stacks);
  ReplayEnd end;
  EXPECT_TRUE(replay(
                  *reader, pipeline, enricher, stacks, [] { return true; }, end)
                  .ok());
  EXPECT_TRUE(end.trailer.has_value());
  return out.text();
}

TEST(Replay, GivesTheJsonOfTheTrace) {
  const std::string trace = traced<JsonLines>();
  EXPECT_NE(trace.find("\"reason\":\"data_after_close\""), std::string::npos);
  EXPECT_NE(trace.find("\"lost_records\":5"), std::string::npos);
  EXPECT_NE(trace.find(R"("stack":["tcp_close+0x1d","inet_release+0x3f",)"
                       R"("evil\u000a\u001b[31m\"+0x10"])"),
            std::string::npos);
  EXPECT_EQ(replayed<JsonLines>(), trace);
}

TEST(Replay, GivesTheCsvOfTheTrace) { EXPECT_EQ(replayed<Csv>(), traced<Csv>()); }

}  // namespace
}  // namespace closewatch
