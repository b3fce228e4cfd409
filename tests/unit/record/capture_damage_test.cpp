// SPDX-License-Identifier: Apache-2.0
// Whatever happens to a capture: events before the damage are given out, none after it, and what
// went wrong is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/unit/record/capture_file.h"

namespace closewatch {
namespace {

using testing::Bytes;
using testing::encode;
using testing::example_amendment;
using testing::example_closure;
using ::testing::HasSubstr;
using testing::read_bytes;
using testing::Reading;
using testing::written_by;
using State = CaptureReader::State;

struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t events = 0;   // given out before it
  std::size_t records = 0;  // given out before it
};

// A small capture with every kind of block, and where its parts are: the header, then the blocks.
struct Sample {
  Bytes bytes;
  std::vector<std::string> events;
  std::vector<Part> parts;
};

BlockHeader block_header(const Bytes& file, std::size_t at) {
  BlockHeader header;
  std::memcpy(&header, file.data() + at, sizeof header);
  return header;
}

Sample make_sample() {
  Sample sample;
  sample.bytes = written_by([](CaptureWriter& writer) {
    writer.append(ProcessNote{
        .pid = 1001, .exe = "nginx", .cgroup = "/", .container = std::nullopt, .start_unix_ns = 3});
    writer.append(encode(example_closure(1)));
    writer.append(encode(example_closure(2)));
    EXPECT_TRUE(writer.end_batch(100).ok());
    writer.append(CaptureGap{.lost_records = 5, .since_ns = 90});
    writer.append(StackNote{.id = 1, .frames = {"close"}});
    writer.append(encode(example_amendment(1)));
    EXPECT_TRUE(writer.end_batch(200).ok());
    writer.append(ProcessTotals{.closures = 7});
    EXPECT_TRUE(writer.finish(300, {.ended = 7}).ok());
  });
  sample.events = read_bytes(sample.bytes).events;
  FilePrefix prefix;
  std::memcpy(&prefix, sample.bytes.data(), sizeof prefix);
  Part part{.begin = 0, .end = sizeof prefix + prefix.body_length};
  sample.parts.push_back(part);
  while (part.end < sample.bytes.size()) {
    part.begin = part.end;
    const BlockHeader block = block_header(sample.bytes, part.begin);
    part.end += sizeof block + block.length;
    sample.parts.push_back(part);
    const bool records = block.kind == static_cast<std::uint32_t>(BlockKind::records);
    part.events += records ? 1 : block.count;
    part.events += block.batch_end_ns != 0 ? 1 : 0;
    part.records += records ? block.count : 0;
  }
  return sample;
}

class CaptureDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(sample_.parts.size(), 8);
    ASSERT_EQ(sample_.parts.back().end, sample_.bytes.size());
    ASSERT_EQ(sample_.events.size(), 9);
    ASSERT_EQ(sample_.parts.back().events, 8);
    ASSERT_EQ(sample_.parts.back().records, 3);
  }

  [[nodiscard]] const Part& part_at(std::size_t offset) const {
    return *std::ranges::find_if(sample_.parts,
                                 [&](const Part& part) { return offset < part.end; });
  }

  void expect_events_before(const Part& part, const Reading& reading, std::size_t offset) const {
    EXPECT_EQ(reading.events,
              std::vector(sample_.events.begin(),
                          sample_.events.begin() + static_cast<std::ptrdiff_t>(part.events)))
        << "offset " << offset;
    EXPECT_EQ(reading.records, part.records) << "offset " << offset;
  }

  // The sample with a changed block header or payload whose checksums are right again.
  template <typename Change>
  [[nodiscard]] Reading read_forged(std::size_t part_index, Change change) const {
    Bytes bytes = sample_.bytes;
    const Part& part = sample_.parts[part_index];
    BlockHeader header = block_header(bytes, part.begin);
    const auto payload = std::span{bytes}.subspan(part.begin + sizeof header, header.length);
    change(header, payload);
    header.payload_checksum = checksum(payload);
    header.header_checksum = checksum(
        std::as_bytes(std::span{&header, 1}).first(offsetof(BlockHeader, header_checksum)));
    std::memcpy(bytes.data() + part.begin, &header, sizeof header);
    Reading reading = read_bytes(bytes);
    expect_events_before(part, reading, part.begin);
    return reading;
  }

  Sample sample_ = make_sample();
};

// Indices of the blocks of the sample.
enum : std::size_t { kHeader, kProcesses, kRecords, kGap, kStacks, kAmendments, kTotals, kTrailer };

TEST_F(CaptureDamage, EveryFlippedBitIsFound) {
  for (std::size_t offset = 0; offset < sample_.bytes.size(); ++offset) {
    const Part& part = part_at(offset);
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes bytes = sample_.bytes;
      bytes[offset] ^= std::byte{1} << bit;
      const Reading reading = read_bytes(bytes);
      ASSERT_NE(reading.error, "") << "offset " << offset << " bit " << bit;
      expect_events_before(part, reading, offset);
      if (part.begin == 0) {
        ASSERT_FALSE(reading.header_read) << "offset " << offset << " bit " << bit;
      } else {
        ASSERT_EQ(reading.state, State::damaged) << "offset " << offset << " bit " << bit;
        ASSERT_THAT(reading.error,
                    HasSubstr(fmt::format("in the block at offset {}: ", part.begin)));
        ASSERT_THAT(reading.error, HasSubstr(fmt::format("{} records read", part.records)));
      }
    }
  }
}

TEST_F(CaptureDamage, EveryTruncationIsToldAndKeepsTheWholeBlocks) {
  for (std::size_t length = 0; length < sample_.bytes.size(); ++length) {
    const Reading reading = read_bytes(std::span{sample_.bytes}.first(length));
    const Part& part = part_at(length);
    expect_events_before(part, reading, length);
    std::string expected;
    if (length < sizeof(FilePrefix::magic)) {
      expected = "capture is not a closewatch capture";
    } else if (part.begin == 0) {
      expected = "capture ends in the middle of its header: 0 records read, the rest is lost";
    } else if (length == part.begin) {
      expected = fmt::format(
          "capture ends without its end mark: {} records read, what the recording lost after them "
          "is "
          "not known",
          part.records);
    } else {
      expected = fmt::format(
          "capture ends in the middle of a block: {} records read, the rest is lost", part.records);
    }
    ASSERT_EQ(reading.error, expected) << "length " << length;
    if (part.begin != 0) {
      ASSERT_EQ(reading.state, State::truncated) << "length " << length;
    }
  }
}

TEST_F(CaptureDamage, SomethingAfterTheEndIsAnError) {
  Bytes bytes = sample_.bytes;
  bytes.push_back(std::byte{0});
  const Reading reading = read_bytes(bytes);
  expect_events_before(sample_.parts.back(), reading, bytes.size());
  EXPECT_EQ(reading.state, State::damaged);
  EXPECT_THAT(reading.error, HasSubstr("something follows the end mark"));
}

TEST_F(CaptureDamage, AMissingBlockIsFoundByTheTotals) {
  for (const std::size_t missing : {kRecords, kGap, kAmendments}) {
    const Part& part = sample_.parts[missing];
    Bytes bytes = sample_.bytes;
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(part.begin),
                bytes.begin() + static_cast<std::ptrdiff_t>(part.end));
    const Reading reading = read_bytes(bytes);
    EXPECT_EQ(reading.state, State::damaged);
    EXPECT_THAT(reading.error, HasSubstr("the totals are not those of the file"));
  }
}

TEST_F(CaptureDamage, ForgedBlockHeadersAreRefused) {
  const auto refused = [this](std::size_t part, auto change, std::string_view problem) {
    const Reading reading = read_forged(
        part, [&](BlockHeader& header, std::span<std::byte> /*payload*/) { change(header); });
    EXPECT_EQ(reading.state, State::damaged);
    EXPECT_THAT(reading.error, HasSubstr(std::string{problem}));
  };
  constexpr std::string_view kDisagrees = "the content does not agree with the header";
  refused(
      kRecords, [](BlockHeader& header) { header.kind = 0; }, "made by a newer closewatch");
  refused(
      kRecords, [](BlockHeader& header) { header.kind = 7; }, "made by a newer closewatch");
  refused(
      kRecords, [](BlockHeader& header) { header.flags = 1; }, "made by a newer closewatch");
  refused(
      kRecords, [](BlockHeader& header) { header.length = kMaxPayload + 1; }, "beyond the limit");
  refused(
      kRecords, [](BlockHeader& header) { header.length = 0xffffffff; }, "beyond the limit");
  refused(
      kRecords, [](BlockHeader& header) { header.count = 3; }, kDisagrees);
  refused(
      kRecords, [](BlockHeader& header) { header.count = 0; }, kDisagrees);
  refused(
      kRecords, [](BlockHeader& header) { ++header.first_ns; }, kDisagrees);
  refused(
      kRecords, [](BlockHeader& header) { --header.last_ns; }, kDisagrees);
  refused(
      kGap, [](BlockHeader& header) { header.first_ns = 1; }, kDisagrees);
  refused(
      kGap, [](BlockHeader& header) { header.count = 0; }, kDisagrees);
  refused(
      kTrailer, [](BlockHeader& header) { header.count = 2; }, kDisagrees);
  refused(
      kTrailer, [](BlockHeader& header) { header.kind = 3; }, "an entry is malformed");
}

TEST_F(CaptureDamage, ForgedContentIsRefused) {
  const auto refused = [this](std::size_t part, std::size_t at, std::uint32_t value,
                              std::string_view problem) {
    const Reading reading =
        read_forged(part, [&](BlockHeader& /*header*/, std::span<std::byte> payload) {
          std::memcpy(payload.data() + at, &value, sizeof value);
        });
    EXPECT_EQ(reading.state, State::damaged);
    EXPECT_THAT(reading.error, HasSubstr(std::string{problem}));
  };
  // cw_header.size of the first record
  for (const std::uint32_t size : {0U, 23U, 24U, 287U, 289U, 576U, 577U, 0xffffffffU}) {
    refused(kRecords, 4, size, "the content does not agree with the header");
  }
  constexpr std::string_view kMalformed = "an entry is malformed";
  refused(kProcesses, 20, 4097, kMalformed);       // length of exe: beyond the limit
  refused(kProcesses, 20, 4000, kMalformed);       // beyond the block
  refused(kStacks, 0, 2, kMalformed);              // neither kernel nor user
  refused(kStacks, 5, 0xffff, kMalformed);         // number of frames
  refused(kStacks, 7, 0xffff, kMalformed);         // a frame that is unknown
  refused(kTotals, 61, 0x02000000, kMalformed);    // other: neither yes nor no
  refused(kTrailer, 8, 4, "the totals are not");   // records
  refused(kTrailer, 24, 6, "the totals are not");  // lost
}

TEST_F(CaptureDamage, MoreThanItsEntriesInABlockIsRefused) {
  const Part& part = sample_.parts[kGap];
  Bytes bytes = sample_.bytes;
  BlockHeader header = block_header(bytes, part.begin);
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(part.end), std::byte{0});
  ++header.length;
  header.payload_checksum =
      checksum(std::span{bytes}.subspan(part.begin + sizeof header, header.length));
  header.header_checksum =
      checksum(std::as_bytes(std::span{&header, 1}).first(offsetof(BlockHeader, header_checksum)));
  std::memcpy(bytes.data() + part.begin, &header, sizeof header);
  const Reading reading = read_bytes(bytes);
  expect_events_before(part, reading, part.begin);
  EXPECT_THAT(reading.error, HasSubstr("an entry is malformed"));
}

// Changes one number of the file header and mends its checksum.
Reading read_forged_header(Bytes bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  FilePrefix prefix;
  std::memcpy(&prefix, bytes.data(), sizeof prefix);
  const auto body = std::span<const std::byte>{bytes}.subspan(sizeof prefix, prefix.body_length);
  prefix.checksum = checksum(
      body, checksum(std::as_bytes(std::span{&prefix, 1}).first(offsetof(FilePrefix, checksum))));
  std::memcpy(bytes.data(), &prefix, sizeof prefix);
  return read_bytes(bytes);
}

TEST_F(CaptureDamage, AFileOfANewerClosewatchIsNamedAsSuch) {
  EXPECT_EQ(read_forged_header(sample_.bytes, 8, 2).error,
            "capture was made by a newer closewatch (capture format 2): 0 records read");
  EXPECT_EQ(read_forged_header(sample_.bytes, 20, 2).error,
            "capture was made by a newer closewatch (record ABI 2): 0 records read");
}

TEST_F(CaptureDamage, ForgedFileHeadersAreRefused) {
  EXPECT_EQ(read_forged_header(sample_.bytes, 8, 0).error, "the header of capture is damaged");
  EXPECT_EQ(read_forged_header(sample_.bytes, 20, 0).error, "the header of capture is damaged");
  Bytes no_tick = sample_.bytes;
  std::memset(no_tick.data() + 24, 0, 4);
  EXPECT_EQ(read_forged_header(no_tick, 28, 0).error, "the header of capture is damaged");
  Bytes long_body = sample_.bytes;
  const std::uint32_t length = kMaxHeaderBody + 1;
  std::memcpy(long_body.data() + 12, &length, sizeof length);
  EXPECT_EQ(read_bytes(long_body).error, "the header of capture is damaged");
}

TEST(CaptureForeign, OtherFilesAreNoCaptures) {
  for (const std::string_view content : {"", "x", "{\"v\":1}\n{\"v\":1}\n{\"v\":1}\n{\"v\":1}\n"}) {
    const Reading reading = read_bytes(std::as_bytes(std::span{content}));
    EXPECT_EQ(reading.error, "capture is not a closewatch capture");
  }
  EXPECT_EQ(read_bytes(Bytes(4096)).error, "capture is not a closewatch capture");
}

TEST(CaptureForeign, ATextTransferIsNoticed) {
  Bytes bytes = make_sample().bytes;
  bytes.erase(bytes.begin() + 6);  // the CR of the magic
  EXPECT_EQ(read_bytes(bytes).error, "capture is not a closewatch capture");
}

}  // namespace
}  // namespace closewatch
