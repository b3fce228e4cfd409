// SPDX-License-Identifier: Apache-2.0
#include "userspace/record/capture_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bpf/abi.h"
#include "userspace/record/capture_fields.h"

namespace closewatch {
namespace {

Error cannot_create(const std::string& path, int error) {
  std::string hint;
  if (error == EEXIST) {
    hint = "name another file, or overwrite this one with --force";
  } else if (error == ELOOP) {
    hint = "a capture is not written through a symbolic link: name the file itself";
  } else if (error == ENXIO) {
    hint = "nothing reads from this pipe: start its reader first, or name a file";
  } else {
    hint = "name a file in a folder that exists and that you may write to";
  }
  return {.what = fmt::format("cannot create {}: {}", path, std::strerror(error)),
          .hint = std::move(hint)};
}

}  // namespace

Result<CaptureWriter> CaptureWriter::create(const std::string& path, const CaptureHeader& header,
                                            bool overwrite) {
  if (path == "-") {
    if (::isatty(STDOUT_FILENO) == 1) {
      return Error{.what = "a capture is not written to a terminal",
                   .hint = "name a file, or send the output to one or to a pipe",
                   .code = ExitCode::usage};
    }
    UniqueFd out(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!out.valid()) {
      return cannot_create("standard output", errno);
    }
    return on_descriptor(std::move(out), "standard output", header);
  }
  const int unless_there = overwrite ? O_TRUNC : O_EXCL;
  // O_NONBLOCK: a pipe that nobody reads is an error, and not waited for.
  UniqueFd fd(::open(
      path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | unless_there, 0600));
  if (!fd.valid()) {
    // With O_EXCL a symbolic link is EEXIST; what it points to is not to be named as existing.
    struct stat status {};
    const int error = errno;
    const bool link = ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
    return cannot_create(path, link ? ELOOP : error);
  }
  struct stat status {};
  const bool regular = ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode);
  CaptureWriter writer(std::move(fd), path);
  writer.own_file_ = regular;
  if (auto begun = writer.begin(header); !begun) {
    return std::move(begun).error();
  }
  return writer;
}

Result<CaptureWriter> CaptureWriter::on_descriptor(UniqueFd fd, std::string name,
                                                   const CaptureHeader& header) {
  CaptureWriter writer(std::move(fd), std::move(name));
  if (auto begun = writer.begin(header); !begun) {
    return std::move(begun).error();
  }
  return writer;
}

Result<> CaptureWriter::begin(const CaptureHeader& header) {
  std::vector<std::byte> bytes(sizeof(FilePrefix));
  FieldWriter fields(bytes);
  fields.number(static_cast<std::uint32_t>(CW_ABI_VERSION));
  write_fields(fields, header);
  const std::size_t body_length = bytes.size() - sizeof(FilePrefix);
  if (body_length > kMaxHeaderBody) {
    return Error{.what = fmt::format("the header of {} would have {} bytes; {} is the most", name_,
                                     body_length, kMaxHeaderBody)};
  }
  FilePrefix prefix{.magic = kCaptureMagic,
                    .version = kCaptureVersion,
                    .body_length = static_cast<std::uint32_t>(body_length),
                    .checksum = 0};
  const auto prefix_bytes = std::as_bytes(std::span{&prefix, 1});
  prefix.checksum = checksum(std::span{bytes}.subspan(sizeof prefix),
                             checksum(prefix_bytes.first(offsetof(FilePrefix, checksum))));
  std::ranges::copy(prefix_bytes, bytes.begin());
  if (!write_out(bytes)) {
    return failure();
  }
  return {};
}

void CaptureWriter::append(std::span<const std::byte> record) {
  cw_header header{};
  if (record.size() >= sizeof header) {
    std::memcpy(&header, record.data(), sizeof header);
  }
  if (header.size != record.size() || record.size() < sizeof header ||
      record.size() > kBlockTarget) {
    ++rejected_;
    return;
  }
  open_block(BlockKind::records);
  buffer_.insert(buffer_.end(), record.begin(), record.end());
  open_.first_ns =
      open_.count == 0 ? header.id : std::min<std::uint64_t>(open_.first_ns, header.id);
  open_.last_ns = std::max<std::uint64_t>(open_.last_ns, header.id);
  ++open_.count;
  ++buffered_;
}

void CaptureWriter::append(const CaptureGap& gap) {
  lost_ += gap.lost_records;
  append_entry(BlockKind::gap, gap);
}

void CaptureWriter::append(const ProcessNote& note) { append_entry(BlockKind::processes, note); }

void CaptureWriter::append(const StackNote& note) { append_entry(BlockKind::stacks, note); }

void CaptureWriter::append(const ProcessTotals& totals) { append_entry(BlockKind::totals, totals); }

template <typename Entry>
void CaptureWriter::append_entry(BlockKind kind, const Entry& entry) {
  open_block(kind);
  FieldWriter fields(buffer_);
  write_fields(fields, entry);
  ++open_.count;
}

// Makes the open block one that takes an entry of this kind.
void CaptureWriter::open_block(BlockKind kind) {
  const auto wanted = static_cast<std::uint32_t>(kind);
  const bool full = buffer_.size() - open_at_ >= kBlockTarget;
  if (open_.kind == wanted && !full) {
    return;
  }
  close_block(0);
  if (buffer_.size() >= kBlockTarget) {
    // The failure is kept, and told by the next end_batch().
    static_cast<void>(write_blocks());
  }
  open_.kind = wanted;
  open_at_ = buffer_.size();
  buffer_.resize(open_at_ + sizeof(BlockHeader));
}

void CaptureWriter::close_block(std::uint64_t batch_end_ns) {
  if (open_.kind == 0) {
    return;
  }
  const auto block = std::span{buffer_}.subspan(open_at_);
  const auto payload = block.subspan(sizeof(BlockHeader));
  const auto header = std::as_bytes(std::span{&open_, 1});
  open_.length = static_cast<std::uint32_t>(payload.size());
  open_.batch_end_ns = batch_end_ns;
  open_.payload_checksum = checksum(payload);
  open_.header_checksum = checksum(header.first(offsetof(BlockHeader, header_checksum)));
  std::ranges::copy(header, block.begin());
  open_ = {};
}

Result<> CaptureWriter::write_blocks() {
  (write_out(buffer_) ? written_ : unwritten_) += buffered_;
  buffer_.clear();
  buffered_ = 0;
  if (error_ != 0) {
    return failure();
  }
  return {};
}

bool CaptureWriter::write_out(std::span<const std::byte> bytes) {
  if (error_ != 0) {
    return false;
  }
  error_ = stream_.write(bytes.data(), bytes.size()).error;
  if (error_ == 0) {
    file_bytes_ += bytes.size();
    return true;
  }
  // Without the torn block the file reads as a recording that was cut short, which it is.
  if (own_file_ && ::ftruncate(fd_.get(), static_cast<off_t>(file_bytes_)) != 0) {
    own_file_ = false;
  }
  return false;
}

Error CaptureWriter::failure() const {
  return {.what = fmt::format("cannot write {}: {}: {} records written, {} not written", name_,
                              write_error_text(error_), written_, unwritten_),
          .hint = error_ == ENOSPC  ? "free some space, or record to another file system"
                  : error_ == EPIPE ? "the reader went away: what it has is a capture cut short"
                                    : ""};
}

Result<> CaptureWriter::end_batch(std::uint64_t now_ns) {
  close_block(now_ns);
  return write_blocks();
}

Result<> CaptureWriter::finish(std::uint64_t end_ns, const KernelCounters& kernel) {
  append_entry(BlockKind::trailer, CaptureTrailer{.end_ns = end_ns,
                                                  .records = written_ + buffered_,
                                                  .rejected = rejected_,
                                                  .lost = lost_,
                                                  .kernel = kernel});
  close_block(0);
  if (auto written = write_blocks(); !written) {
    return written;
  }
  // Some file systems (NFS) tell only now that there was no room.
  if (::close(fd_.release()) != 0 && errno != EINTR) {
    error_ = errno;
    return failure();
  }
  return {};
}

}  // namespace closewatch
