// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/capture_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "bpf/abi.h"
#include "userspace/record/capture_fields.h"

namespace closewatch {
namespace {

// The buffer, until a header or a block is larger; then it has room for the largest.
constexpr std::size_t kFirstBuffer = std::size_t{1} << 16;
constexpr std::size_t kLargestBuffer = 2 * std::size_t{kMaxPayload};
// One read(2) asks for at most this, which stays in the L2 cache.
constexpr std::size_t kReadSize = std::size_t{1} << 19;
static_assert(kLargestBuffer > kMaxPayload + sizeof(BlockHeader));
static_assert(kLargestBuffer >= sizeof(FilePrefix) + kMaxHeaderBody);

constexpr std::string_view kDamageHint =
    "the file was changed after it was recorded: copy it again";

bool is_kind(const BlockHeader& block, BlockKind kind) {
  return block.kind == static_cast<std::uint32_t>(kind);
}

// Whether a block of something else than records has entries, and no times of records.
bool times_unused(const BlockHeader& block) {
  return block.count > 0 && block.first_ns == 0 && block.last_ns == 0;
}

// Whether the sizes in the records' own headers add up to the block, and its times are theirs.
bool records_add_up(std::span<const std::byte> payload, const BlockHeader& block) {
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t last = 0;
  std::uint32_t count = 0;
  while (!payload.empty()) {
    cw_header record;
    if (payload.size() < sizeof record) {
      return false;
    }
    std::memcpy(&record, payload.data(), sizeof record);
    if (record.size < sizeof record || record.size > payload.size()) {
      return false;
    }
    first = std::min<std::uint64_t>(first, record.id);
    last = std::max<std::uint64_t>(last, record.id);
    ++count;
    payload = payload.subspan(record.size);
  }
  return count > 0 && count == block.count && first == block.first_ns && last == block.last_ns;
}

}  // namespace

static_assert(offsetof(cw_header, size) == 4, "RecordBlock::Iterator reads the size there");

CaptureReader::CaptureReader(UniqueFd fd, std::string name)
    : fd_(std::move(fd)),
      name_(std::move(name)),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(kFirstBuffer)),
      buffer_size_(kFirstBuffer) {}

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  const bool standard = path == "-";
  std::string name = standard ? "standard input" : path;
  UniqueFd fd(standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                       : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) {
    return Error{.what = fmt::format("cannot open {}: {}", name, std::strerror(errno)),
                 .hint = "give a file that closewatch record made and that you may read"};
  }
  return on_descriptor(std::move(fd), std::move(name));
}

Result<CaptureReader> CaptureReader::on_descriptor(UniqueFd fd, std::string name) {
  CaptureReader reader(std::move(fd), std::move(name));
  if (auto read = reader.read_header(); !read) {
    return std::move(read).error();
  }
  return reader;
}

Result<> CaptureReader::read_header() {
  const auto got = fill(sizeof(FilePrefix));
  if (!got) {
    return got.error();
  }
  FilePrefix prefix{};
  std::memcpy(&prefix, at(), std::min(*got, sizeof prefix));
  if (*got < sizeof prefix.magic || prefix.magic != kCaptureMagic) {
    return stop(State::damaged, fmt::format("{} is not a closewatch capture", name_),
                "`closewatch record` makes one");
  }
  const auto in_the_header = [this] {
    return cut_short("in the middle of its header", "the rest is lost");
  };
  if (*got < sizeof prefix) {
    return in_the_header();
  }
  if (prefix.version > kCaptureVersion) {
    return newer(fmt::format("capture format {}", prefix.version));
  }
  const auto header_damaged = [this] {
    return stop(State::damaged, fmt::format("the header of {} is damaged", name_), kDamageHint);
  };
  if (prefix.version == 0 || prefix.body_length > kMaxHeaderBody) {
    return header_damaged();
  }
  const std::size_t whole = sizeof prefix + prefix.body_length;
  const auto all = fill(whole);
  if (!all) {
    return all.error();
  }
  if (*all < whole) {
    return in_the_header();
  }
  const auto bytes = std::span{at(), whole};
  const auto body = bytes.subspan(sizeof prefix);
  if (prefix.checksum != checksum(body, checksum(bytes.first(offsetof(FilePrefix, checksum))))) {
    return header_damaged();
  }
  FieldReader fields(body);
  const auto abi = fields.number<std::uint32_t>();
  if (abi > CW_ABI_VERSION) {
    return newer(fmt::format("record ABI {}", abi));
  }
  read_fields(fields, header_);
  if (!fields.whole() || abi == 0 || header_.tick_ns == 0) {
    return header_damaged();
  }
  begin_ += whole;
  offset_ += whole;
  return {};
}

Result<std::optional<CaptureEvent>> CaptureReader::next() {
  if (state_ == State::interrupted) {
    state_ = State::reading;
  }
  if (state_ != State::reading) {
    return std::optional<CaptureEvent>{};
  }
  if (entries_left_ == 0 && batch_end_ns_ != 0) {
    return std::optional<CaptureEvent>{BatchEnd{std::exchange(batch_end_ns_, 0)}};
  }
  if (entries_left_ == 0) {
    if (auto begun = begin_block(); !begun) {
      if (state_ == State::interrupted) {
        return std::optional<CaptureEvent>{};
      }
      return std::move(begun).error();
    }
  }
  switch (static_cast<BlockKind>(block_.kind)) {
    case BlockKind::records:
      entries_left_ = 0;
      records_ += block_.count;
      return std::optional<CaptureEvent>{RecordBlock{payload_, block_.count}};
    case BlockKind::gap:
      return take_entry(CaptureGap{});
    case BlockKind::processes:
      return take_entry(ProcessNote{});
    case BlockKind::stacks:
      return take_entry(StackNote{});
    case BlockKind::totals:
      return take_entry(ProcessTotals{});
    case BlockKind::trailer:
      break;
  }
  return take_entry(CaptureTrailer{});
}

// Brings in the next block whole and checks it. Nothing is consumed before that, so that a signal
// in between loses nothing.
Result<> CaptureReader::begin_block() {
  block_offset_ = offset_;
  const auto got = fill(sizeof(BlockHeader));
  if (!got) {
    return got.error();
  }
  if (*got == 0) {
    return cut_short("without its end mark", "what the recording lost after them is not known");
  }
  const auto in_a_block = [this] {
    return cut_short("in the middle of a block", "the rest is lost");
  };
  if (*got < sizeof(BlockHeader)) {
    return in_a_block();
  }
  BlockHeader block;
  std::memcpy(&block, at(), sizeof block);
  if (block.header_checksum !=
      checksum(std::span{at(), sizeof block}.first(offsetof(BlockHeader, header_checksum)))) {
    return damaged("the checksum of the header is wrong");
  }
  if (block.kind == 0 || block.kind > static_cast<std::uint32_t>(BlockKind::trailer) ||
      block.flags != 0) {
    return newer(fmt::format("block kind {}, flags {:#x}", block.kind, block.flags));
  }
  if (block.length > kMaxPayload) {
    return damaged("the length is beyond the limit");
  }
  const std::size_t whole = sizeof block + block.length;
  const bool last = is_kind(block, BlockKind::trailer);
  const auto all = fill(whole + (last ? 1 : 0));
  if (!all) {
    return all.error();
  }
  if (*all < whole) {
    return in_a_block();
  }
  const auto payload = std::span{at(), whole}.subspan(sizeof block);
  if (block.payload_checksum != checksum(payload)) {
    return damaged("the checksum of the content is wrong");
  }
  const bool agrees =
      is_kind(block, BlockKind::records) ? records_add_up(payload, block) : times_unused(block);
  if (!agrees || (last && block.count != 1)) {
    return damaged("the content does not agree with the header");
  }
  if (last && *all > whole) {
    return damaged("something follows the end mark");
  }
  block_ = block;
  payload_ = payload;
  entries_ = FieldReader(payload);
  entries_left_ = block.count;
  batch_end_ns_ = block.batch_end_ns;
  begin_ += whole;
  offset_ += whole;
  return {};
}

template <typename Entry>
Result<std::optional<CaptureEvent>> CaptureReader::take_entry(Entry entry) {
  read_fields(entries_, entry);
  --entries_left_;
  if (entries_left_ == 0 ? !entries_.whole() : !entries_.ok()) {
    return damaged("an entry is malformed");
  }
  if constexpr (std::is_same_v<Entry, CaptureGap>) {
    lost_ += entry.lost_records;
  } else if constexpr (std::is_same_v<Entry, CaptureTrailer>) {
    if (entry.records != records_ || entry.lost != lost_) {
      return damaged("the totals are not those of the file");
    }
    state_ = State::whole;
  }
  return std::optional<CaptureEvent>{std::move(entry)};
}

// Makes at least `wanted` bytes available at at(), fewer only at the end of the file; gives how
// many there are. Moves what at() points to.
Result<std::size_t> CaptureReader::fill(std::size_t wanted) {
  if (end_ - begin_ < wanted && begin_ > 0) {
    std::memmove(buffer_.get(), at(), end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_size_ < wanted) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(kLargestBuffer);
    std::memcpy(larger.get(), at(), end_ - begin_);
    buffer_ = std::move(larger);
    buffer_size_ = kLargestBuffer;
  }
  while (end_ < begin_ + wanted) {
    const std::size_t room =
        std::min(buffer_size_ - end_, std::max(kReadSize, begin_ + wanted - end_));
    const ssize_t got = ::read(fd_.get(), buffer_.get() + end_, room);
    if (got == 0) {
      break;
    }
    if (got < 0) {
      const int cause = errno;
      return stop(cause == EINTR ? State::interrupted : State::unreadable,
                  fmt::format("cannot read {}: {}", name_, std::strerror(cause)),
                  cause == EISDIR ? "give a file that closewatch record made" : "");
    }
    end_ += static_cast<std::size_t>(got);
  }
  return end_ - begin_;
}

Error CaptureReader::stop(State state, std::string what, std::string_view hint) {
  state_ = state;
  return {.what = std::move(what), .hint = std::string{hint}};
}

Error CaptureReader::cut_short(std::string_view where, std::string_view consequence) {
  return stop(State::truncated,
              fmt::format("{} ends {}: {} records read, {}", name_, where, records_, consequence),
              "the recording was cut short, or the copy is not complete");
}

Error CaptureReader::damaged(std::string_view problem) {
  return stop(
      State::damaged,
      fmt::format("{} is damaged in the block at offset {}: {}: {} records read, the rest is lost",
                  name_, block_offset_, problem, records_),
      kDamageHint);
}

Error CaptureReader::newer(std::string_view what) {
  return stop(
      State::damaged,
      fmt::format("{} was made by a newer closewatch ({}): {} records read", name_, what, records_),
      "read it with the version of closewatch that recorded it");
}

}  // namespace closewatch
