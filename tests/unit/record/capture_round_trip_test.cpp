// SPDX-License-Identifier: Apache-2.0
// What is recorded is what is replayed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "tests/unit/record/capture_file.h"
#include "userspace/record/decode.h"

namespace closewatch {
namespace {

using testing::Bytes;
using ::testing::ElementsAre;
using testing::encode;
using testing::example_amendment;
using testing::example_closure;
using testing::example_header;
using testing::read_bytes;
using testing::Reading;
using testing::text_of;
using testing::written_by;
using State = CaptureReader::State;

constexpr KernelCounters kCounters{.ended = 1,
                                   .recorded = 2,
                                   .filtered = 3,
                                   .lost_ring = 4,
                                   .lost_ledger = 5,
                                   .unestablished = 6,
                                   .unestablished_lost = 7,
                                   .amended = 8,
                                   .amended_lost = 9,
                                   .totals_folded = 10,
                                   .rst_no_socket = 11,
                                   .wakeups = 12,
                                   .ledger_refused = 13,
                                   .ends_recovered = 14,
                                   .begun = 15,
                                   .open = 16,
                                   .unseen = 17,
                                   .stacks_lost = 18,
                                   .holders_refused = 21,
                                   .missed_runs = 19,
                                   .made_up_runs = 20};

std::string hex(const Bytes& record) { return fmt::format("{:02x}", fmt::join(record, "")); }

TEST(CaptureRoundTrip, GivesEveryKindOfEventBackInOrder) {
  ProcessTotals totals{.process = testing::example_task(5, "nginx"),
                       .closures = 21,
                       .lost = 22,
                       .discarded = 23,
                       .unread = 24,
                       .other = true};
  const Bytes file = written_by([&](CaptureWriter& writer) {
    writer.append(ProcessNote{.pid = 7,
                              .start_ns = 8,
                              .cgroup_id = 9,
                              .exe = "nginx",
                              .cgroup = "/system.slice/nginx.service",
                              .container = std::nullopt,
                              .start_unix_ns = -5});
    writer.append(ProcessNote{.pid = 17,
                              .start_ns = 18,
                              .cgroup_id = 19,
                              .exe = std::nullopt,
                              .cgroup = "",
                              .container = "0123abcd",
                              .start_unix_ns = std::nullopt});
    writer.append(StackNote{.user = true, .id = 22, .frames = {"close", "main"}});
    writer.append(StackNote{.user = false, .id = 21, .frames = {}});
    writer.append(encode(example_closure(1)));
    writer.append(encode(example_amendment(1)));
    writer.append(CaptureGap{.lost_records = 12, .since_ns = 61'000});
    writer.append(encode(example_closure(2)));
    EXPECT_TRUE(writer.end_batch(62'000).ok());
    writer.append(totals);
    EXPECT_TRUE(writer.finish(63'000, kCounters).ok());
  });
  const Reading reading = read_bytes(file);
  EXPECT_THAT(reading.events,
              ElementsAre("process 7 8 9: nginx /system.slice/nginx.service ? -5",
                          "process 17 18 19: ?  0123abcd -1", "user stack 22: close < main",
                          "kernel stack 21: ",
                          fmt::format("2 records: {} {}", hex(encode(example_closure(1))),
                                      hex(encode(example_amendment(1)))),
                          "gap 12 since 61000",
                          fmt::format("1 records: {}", hex(encode(example_closure(2)))),
                          "batch end 62000", "totals 1005 33 5000000005 nginx: 21 22 23 24 other",
                          "end 63000: 3 records, 0 rejected, 12 lost; 1 2 3 4 5 6 7 8 9 10 11 12 "
                          "13 14 15 16 17 18 21 19 20"));
  EXPECT_EQ(reading.state, State::whole);
  EXPECT_EQ(reading.records, 3);
  EXPECT_EQ(reading.error, "");
}

TEST(CaptureRoundTrip, RecordsComeBackByteForByteAcrossBlocksAndReads) {
  // 20 MB: many blocks, and many times what the reader takes in at once.
  static constexpr std::uint32_t kRecords = 70'000;
  const Bytes file = written_by([](CaptureWriter& writer) {
    for (std::uint32_t n = 0; n < kRecords; ++n) {
      writer.append(n % 7 == 0 ? encode(example_amendment(n)) : encode(example_closure(n)));
    }
    EXPECT_TRUE(writer.finish(1, {}).ok());
    EXPECT_EQ(writer.written(), kRecords);
  });
  auto reader = CaptureReader::on_descriptor(testing::memory_file(file), "capture");
  ASSERT_TRUE(reader.ok());
  std::uint32_t n = 0;
  for (;;) {
    const auto event = reader->next();
    ASSERT_TRUE(event.ok()) << event.error().what;
    if (!event->has_value()) {
      break;
    }
    if (const auto* block = std::get_if<RecordBlock>(&**event)) {
      for (const auto record : *block) {
        const Decoded decoded = decode(record);
        if (n % 7 == 0) {
          ASSERT_EQ(std::get<Amendment>(decoded), example_amendment(n));
        } else {
          ASSERT_EQ(std::get<Closure>(decoded), example_closure(n));
        }
        ++n;
      }
    }
  }
  EXPECT_EQ(n, kRecords);
  EXPECT_EQ(reader->records(), kRecords);
  EXPECT_EQ(reader->state(), State::whole);
}

TEST(CaptureRoundTrip, AnEmptyRecordingIsWhole) {
  const Reading reading =
      read_bytes(written_by([](CaptureWriter& writer) { EXPECT_TRUE(writer.finish(9, {}).ok()); }));
  EXPECT_THAT(
      reading.events,
      ElementsAre(
          "end 9: 0 records, 0 rejected, 0 lost; 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"));
  EXPECT_EQ(reading.state, State::whole);
}

TEST(CaptureRoundTrip, ABatchWithoutEventsLeavesNothing) {
  const auto file = [](bool idle) {
    return written_by([idle](CaptureWriter& writer) {
      if (idle) {
        EXPECT_TRUE(writer.end_batch(5).ok());
      }
      EXPECT_TRUE(writer.finish(9, {}).ok());
    });
  };
  EXPECT_EQ(file(true), file(false));
}

TEST(CaptureRoundTrip, WhatIsNoRecordIsCountedAndLeftOut) {
  const Bytes record = encode(example_closure(4));
  Bytes longer = record;
  longer.resize(record.size() + 8);
  const Reading reading = read_bytes(written_by([&](CaptureWriter& writer) {
    writer.append(std::span<const std::byte>{});
    writer.append(std::span{record}.first(23));
    writer.append(std::span{record}.first(24));
    writer.append(longer);
    writer.append(record);
    EXPECT_EQ(writer.rejected(), 4);
    EXPECT_TRUE(writer.finish(9, {}).ok());
  }));
  EXPECT_THAT(
      reading.events,
      ElementsAre(
          "1 records: " + hex(record),
          "end 9: 1 records, 4 rejected, 0 lost; 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"));
}

TEST(CaptureRoundTrip, RecordsOfAnotherKindAreKeptForTheDecoderToJudge) {
  Bytes record = encode(example_closure(4));
  record[2] = std::byte{99};  // cw_header.type
  const Reading reading = read_bytes(written_by([&](CaptureWriter& writer) {
    writer.append(record);
    EXPECT_TRUE(writer.end_batch(8).ok());
  }));
  EXPECT_THAT(reading.events, ElementsAre("1 records: " + hex(record), "batch end 8"));
}

TEST(CaptureRoundTrip, TextsKeepHostileBytesAndAreCutAtTheLimit) {
  const std::string hostile("a\n\x1b[31m\xff\0\"},b", 12);
  const std::string path(5000, 'x');
  const Reading reading = read_bytes(written_by([&](CaptureWriter& writer) {
    writer.append(ProcessNote{.pid = 1,
                              .exe = hostile,
                              .cgroup = path,
                              .container = std::nullopt,
                              .start_unix_ns = std::nullopt});
    writer.append(StackNote{.frames = std::vector<std::string_view>(200, "f")});
    EXPECT_TRUE(writer.end_batch(8).ok());
  }));
  StackNote cut{.frames = std::vector<std::string_view>(128, "f")};
  EXPECT_THAT(reading.events,
              ElementsAre("process 1 0 0: " + hostile + " " + path.substr(0, 4096) + " ? -1",
                          text_of(cut), "batch end 8"));
}

TEST(CaptureRoundTrip, ManyNotesSpanBlocks) {
  const std::string path(4096, 'y');
  const std::vector<std::string_view> frames(128, path);
  const Reading reading = read_bytes(written_by([&](CaptureWriter& writer) {
    for (int i = 0; i < 5; ++i) {
      writer.append(StackNote{.id = i, .frames = frames});
    }
    EXPECT_TRUE(writer.finish(9, {}).ok());
  }));
  ASSERT_EQ(reading.events.size(), 6);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(reading.events[static_cast<std::size_t>(i)],
              text_of(StackNote{.id = i, .frames = frames}));
  }
  EXPECT_EQ(reading.state, State::whole);
}

// A pipe gives the bytes in pieces, and the reader waits for no more than it needs.
TEST(CaptureRoundTrip, APipeIsReadAsItIsWritten) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto writer = CaptureWriter::on_descriptor(UniqueFd(ends[1]), "pipe", example_header());
  ASSERT_TRUE(writer.ok());
  auto reader = CaptureReader::on_descriptor(UniqueFd(ends[0]), "pipe");
  ASSERT_TRUE(reader.ok());
  for (std::uint32_t n = 0; n < 3; ++n) {
    writer->append(encode(example_closure(n)));
    ASSERT_TRUE(writer->end_batch(100 + n).ok());
    const auto records = reader->next();
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(text_of(std::get<RecordBlock>(**records)),
              "1 records: " + hex(encode(example_closure(n))));
    const auto end = reader->next();
    ASSERT_TRUE(end.ok());
    EXPECT_EQ(std::get<BatchEnd>(**end), BatchEnd{100 + n});
  }
  ASSERT_TRUE(writer->finish(9, {}).ok());
  const auto trailer = reader->next();
  ASSERT_TRUE(trailer.ok());
  EXPECT_EQ(std::get<CaptureTrailer>(**trailer).records, 3);
  EXPECT_EQ(reader->state(), State::whole);
}

TEST(CaptureRoundTrip, LargeCapturesPassThroughAPipe) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread recording([fd = ends[1]] {
    auto writer = CaptureWriter::on_descriptor(UniqueFd(fd), "pipe", example_header());
    ASSERT_TRUE(writer.ok());
    for (std::uint32_t n = 0; n < 20'000; ++n) {
      writer->append(encode(example_closure(n)));
    }
    EXPECT_TRUE(writer->finish(9, {}).ok());
  });
  const Reading reading = testing::read_from(UniqueFd(ends[0]));
  recording.join();
  EXPECT_EQ(reading.records, 20'000);
  EXPECT_EQ(reading.state, State::whole);
}

}  // namespace
}  // namespace closewatch
