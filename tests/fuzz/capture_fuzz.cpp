// SPDX-License-Identifier: Apache-2.0
// Any file is read to a defined end. What is read whole and written again reads as the same.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "bpf/abi.h"
#include "tests/fuzz/require.h"
#include "userspace/record/capture_reader.h"
#include "userspace/record/capture_writer.h"

namespace closewatch::fuzz {
namespace {

using Bytes = std::vector<std::byte>;
using State = CaptureReader::State;

UniqueFd file_of(std::span<const std::byte> content) {
  UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  require(
      ::pwrite(fd.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()),
      "the input fits into memory");
  return fd;
}

Bytes content_of(const UniqueFd& fd) {
  Bytes content(static_cast<std::size_t>(::lseek(fd.get(), 0, SEEK_END)));
  require(
      ::pread(fd.get(), content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()),
      "the output can be read back");
  return content;
}

// Takes an event to a writer; gives the number of records in it.
struct Rewrite {
  CaptureWriter& writer;

  std::uint64_t operator()(const RecordBlock& block) const {
    std::uint64_t count = 0;
    for (const auto record : block) {
      require(record.size() >= sizeof(cw_header), "a record has a header");
      writer.append(record);
      ++count;
    }
    require(count == block.count() && count > 0, "a block has the records that it says");
    return count;
  }
  std::uint64_t operator()(const BatchEnd& end) const {
    require(end.now_ns != 0, "a batch ends at a time");
    require(writer.end_batch(end.now_ns).ok(), "a batch can be written");
    return 0;
  }
  std::uint64_t operator()(const CaptureTrailer& trailer) const {
    require(writer.finish(trailer.end_ns, trailer.kernel).ok(), "a capture can be written");
    return 0;
  }
  template <typename Note>
  std::uint64_t operator()(const Note& note) const {
    writer.append(note);
    return 0;
  }
};

// What a writer makes of the events of a file; nullopt when the file cannot be read to its end.
std::optional<Bytes> rewritten(std::span<const std::byte> content) {
  auto reader = CaptureReader::on_descriptor(file_of(content), "input");
  if (!reader.ok()) {
    require(!reader.error().what.empty(), "an error says what it is");
    return std::nullopt;
  }
  const UniqueFd out = file_of({});
  auto writer =
      CaptureWriter::on_descriptor(UniqueFd(::dup(out.get())), "output", reader->header());
  require(writer.ok(), "a header that was read can be written");
  std::uint64_t records = 0;
  for (;;) {
    const auto event = reader->next();
    if (!event.ok()) {
      require(!event.error().what.empty(), "an error says what it is");
      require(reader->state() == State::truncated || reader->state() == State::damaged,
              "an error has a state");
      break;
    }
    if (!event->has_value()) {
      require(reader->state() == State::whole, "only a whole file ends without an error");
      break;
    }
    records += std::visit(Rewrite{*writer}, **event);
    require(records == reader->records(), "the records are counted");
  }
  const auto after = reader->next();
  require(after.ok() && !after->has_value(), "nothing comes after the end");
  if (reader->state() != State::whole) {
    return std::nullopt;
  }
  return content_of(out);
}

void check(std::span<const std::byte> content) {
  const auto once = rewritten(content);
  if (once) {
    const auto twice = rewritten(*once);
    require(twice.has_value(), "what was written is whole");
    require(*once == *twice, "writing it again changes nothing");
  }
}

// Counts and times of a records block as its content has them, if it is made of records.
void mend_counts(BlockHeader& block, std::span<const std::byte> payload) {
  BlockHeader mended = block;
  mended.count = 0;
  mended.first_ns = std::numeric_limits<std::uint64_t>::max();
  mended.last_ns = 0;
  while (!payload.empty()) {
    cw_header record;
    if (payload.size() < sizeof record) {
      return;
    }
    std::memcpy(&record, payload.data(), sizeof record);
    if (record.size < sizeof record || record.size > payload.size()) {
      return;
    }
    ++mended.count;
    mended.first_ns = std::min<std::uint64_t>(mended.first_ns, record.id);
    mended.last_ns = std::max<std::uint64_t>(mended.last_ns, record.id);
    payload = payload.subspan(record.size);
  }
  block = mended;
}

// Puts right checksums and counts, which no mutation would guess, so that what lies behind is
// reached.
void mend(Bytes& content) {
  FilePrefix prefix;
  if (content.size() < sizeof prefix) {
    return;
  }
  std::memcpy(&prefix, content.data(), sizeof prefix);
  std::size_t at = sizeof prefix + std::size_t{prefix.body_length};
  if (at > content.size()) {
    return;
  }
  const auto bytes = std::span<const std::byte>{content};
  prefix.checksum = checksum(bytes.subspan(sizeof prefix, prefix.body_length),
                             checksum(bytes.first(offsetof(FilePrefix, checksum))));
  std::memcpy(content.data(), &prefix, sizeof prefix);
  BlockHeader block;
  while (at <= content.size() && content.size() - at >= sizeof block) {
    std::memcpy(&block, content.data() + at, sizeof block);
    const auto rest = bytes.subspan(at + sizeof block);
    if (block.length <= rest.size()) {
      const auto payload = rest.first(block.length);
      if (block.kind == static_cast<std::uint32_t>(BlockKind::records)) {
        mend_counts(block, payload);
      }
      block.payload_checksum = checksum(payload);
    }
    block.header_checksum =
        checksum(std::as_bytes(std::span{&block, 1}).first(offsetof(BlockHeader, header_checksum)));
    std::memcpy(content.data() + at, &block, sizeof block);
    at += sizeof block + block.length;
  }
}

}  // namespace
}  // namespace closewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace closewatch::fuzz;
  const auto bytes = std::as_bytes(std::span{data, size});
  check(bytes);
  Bytes mended(bytes.begin(), bytes.end());
  mend(mended);
  check(mended);
  return 0;
}
