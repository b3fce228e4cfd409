// SPDX-License-Identifier: Apache-2.0
#include "userspace/history/backlog.h"

#include <sys/mman.h>

#include <cstring>
#include <new>
#include <string>
#include <type_traits>

namespace closewatch::history {
namespace {

constexpr std::uint32_t kNoText = UINT32_MAX;

// How many bytes what is put takes.
class Measure {
 public:
  void raw(const void* /*bytes*/, std::size_t size) { size_ += size; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
};

class Packer {
 public:
  explicit Packer(std::byte* at) : at_(at) {}
  void raw(const void* bytes, std::size_t size) {
    std::memcpy(at_, bytes, size);
    at_ += size;
  }

 private:
  std::byte* at_;
};

class Unpacker {
 public:
  explicit Unpacker(const std::byte* at) : at_(at) {}
  template <typename Value>
  void fixed(Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
  }
  std::uint32_t length() {
    std::uint32_t length = 0;
    fixed(length);
    return length;
  }
  void bytes(std::string& text, std::uint32_t length) {
    text.assign(reinterpret_cast<const char*>(at_), length);
    at_ += length;
  }
  void text(std::string& text) { bytes(text, length()); }
  void text(std::optional<std::string>& text) {
    const std::uint32_t length = this->length();
    if (length == kNoText) {
      text.reset();
      return;
    }
    bytes(text ? *text : text.emplace(), length);
  }
  void details(ProcessDetails& details) {
    text(details.exe);
    text(details.cgroup);
    text(details.container);
    fixed(details.start_unix_ns);
  }

 private:
  const std::byte* at_;
};

template <typename Out, typename Value>
void put_fixed(Out& out, const Value& value) {
  static_assert(std::is_trivially_copyable_v<Value>);
  out.raw(&value, sizeof value);
}

template <typename Out>
void put_text(Out& out, std::string_view text) {
  put_fixed(out, static_cast<std::uint32_t>(text.size()));
  out.raw(text.data(), text.size());
}

template <typename Out>
void put_text(Out& out, const std::optional<std::string>& text) {
  if (text) {
    put_text(out, std::string_view(*text));
  } else {
    put_fixed(out, kNoText);
  }
}

template <typename Out>
void put_details(Out& out, const ProcessDetails& details) {
  put_text(out, details.exe);
  put_text(out, details.cgroup);
  put_text(out, details.container);
  put_fixed(out, details.start_unix_ns);
}

template <typename Out>
void pack(Out& out, const Finding& finding) {
  put_fixed(out, finding.closure);
  put_fixed(out, finding.verdict);
  put_fixed(out, finding.end_unix_ns);
  put_fixed(out, finding.rst_reason);
  put_details(out, finding.process);
  put_details(out, finding.actor);
  put_text(out, std::string_view(finding.id));
  put_fixed(out, static_cast<std::uint32_t>(finding.stack.size()));
  for (const std::string& frame : finding.stack) {
    put_text(out, std::string_view(frame));
  }
}

template <typename Out>
void pack(Out& out, const Correction& correction) {
  put_fixed(out, correction.amendment);
  put_fixed(out, correction.verdict);
  put_fixed(out, correction.unix_ns);
  put_fixed(out, correction.rst_reason);
  put_details(out, correction.process);
  put_text(out, std::string_view(correction.amends));
}

template <typename Value>
std::size_t size_of(const Value& value) {
  Measure measure;
  pack(measure, value);
  return measure.size();
}

}  // namespace

void Backlog::Unmap::operator()(std::byte* memory) const { ::munmap(memory, size); }

// Room for one of `size` bytes, with its head.
std::byte* Backlog::place(std::size_t size) {
  if (blocks_.empty() || blocks_.back().memory.get_deleter().size - blocks_.back().end < size) {
    const std::size_t whole = std::max(kBlock, size);
    void* const memory = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
      throw std::bad_alloc();
    }
    blocks_.push_back({.memory = {static_cast<std::byte*>(memory), Unmap{whole}}});
  }
  Block& block = blocks_.back();
  std::byte* const at = block.memory.get() + block.end;
  block.end += size;
  ++block.count;
  ++size_;
  bytes_ += size;
  return at;
}

Backlog::Head Backlog::head_at(const std::byte* at) {
  Head head;
  std::memcpy(&head, at, sizeof head);
  return head;
}

void Backlog::put(const Finding& finding) {
  const std::size_t size = sizeof(Head) + size_of(finding);
  Packer out(place(size));
  put_fixed(out, Head{.size = static_cast<std::uint32_t>(size), .is_finding = true});
  pack(out, finding);
}

void Backlog::put(const Correction& correction) {
  const std::size_t size = sizeof(Head) + size_of(correction);
  Packer out(place(size));
  put_fixed(out, Head{.size = static_cast<std::uint32_t>(size), .is_finding = false});
  pack(out, correction);
}

void Backlog::unpack(const std::byte* at, Finding& finding) {
  Unpacker in(at);
  in.fixed(finding.closure);
  in.fixed(finding.verdict);
  in.fixed(finding.end_unix_ns);
  in.fixed(finding.rst_reason);
  in.details(finding.process);
  in.details(finding.actor);
  in.text(finding.id);
  finding.stack.resize(in.length());
  for (std::string& frame : finding.stack) {
    in.text(frame);
  }
}

void Backlog::unpack(const std::byte* at, Correction& correction) {
  Unpacker in(at);
  in.fixed(correction.amendment);
  in.fixed(correction.verdict);
  in.fixed(correction.unix_ns);
  in.fixed(correction.rst_reason);
  in.details(correction.process);
  in.text(correction.amends);
}

void Backlog::drop(std::size_t count) {
  while (count > 0 && !blocks_.empty()) {
    Block& block = blocks_.front();
    for (; count > 0 && block.count > 0; --count, --block.count, --size_) {
      const std::size_t size = head_at(block.memory.get() + block.begin).size;
      block.begin += size;
      bytes_ -= size;
    }
    if (block.count > 0) {
      return;
    }
    if (blocks_.size() == 1 && block.memory.get_deleter().size == kBlock) {
      block.begin = block.end = 0;  // kept for the next
      return;
    }
    blocks_.pop_front();
  }
}

}  // namespace closewatch::history
