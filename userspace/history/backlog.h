// SPDX-License-Identifier: Apache-2.0
// Findings and corrections that wait, in their order, packed into blocks of memory. A block goes
// back to the system as soon as nothing in it waits any more: a writer that was kept waiting once
// is no larger for it ever after. One closure takes some 600 bytes and its texts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "userspace/base/result.h"
#include "userspace/pipeline/finding.h"

namespace closewatch::history {

class Backlog {
 public:
  // Throws std::bad_alloc when the system has no memory.
  void put(const Finding& finding);
  void put(const Correction& correction);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // That those which wait take. The blocks take at most one block more, or two at low tide.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // Gives the first `count` to `visit(const Finding&)` and `visit(const Correction&)`, in their
  // order, until one fails; they go on waiting.
  template <typename Visit>
  Result<> each(std::size_t count, const Visit& visit) const;
  // The first `count` wait no more.
  void drop(std::size_t count);
  // Gives all to `visit`, which cannot fail; memory goes back meanwhile.
  template <typename Visit>
  void drain(const Visit& visit);

 private:
  static constexpr std::size_t kBlock = std::size_t{256} * 1024;

  struct Unmap {
    std::size_t size = 0;
    void operator()(std::byte* memory) const;
  };
  struct Block {
    std::unique_ptr<std::byte, Unmap> memory;
    std::size_t begin = 0;  // of the first that waits
    std::size_t end = 0;    // of the last
    std::size_t count = 0;
  };
  // Before each one, unaligned.
  struct Head {
    std::uint32_t size = 0;  // with the head
    bool is_finding = false;
  };
  struct FixedFinding;
  struct FixedCorrection;

  std::byte* place(std::size_t size);
  static Head head_at(const std::byte* at);
  // From what follows a head. Texts keep the memory that they have.
  static void unpack(const std::byte* at, Finding& finding);
  static void unpack(const std::byte* at, Correction& correction);

  std::deque<Block> blocks_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

template <typename Visit>
Result<> Backlog::each(std::size_t count, const Visit& visit) const {
  Finding finding;
  Correction correction;
  for (auto block = blocks_.begin(); block != blocks_.end() && count > 0; ++block) {
    const std::byte* at = block->memory.get() + block->begin;
    for (std::size_t left = std::min(count, block->count); left > 0; --left, --count) {
      const Head head = head_at(at);
      Result<> visited;
      if (head.is_finding) {
        unpack(at + sizeof(Head), finding);
        visited = visit(std::as_const(finding));
      } else {
        unpack(at + sizeof(Head), correction);
        visited = visit(std::as_const(correction));
      }
      if (!visited.ok()) {
        return visited;
      }
      at += head.size;
    }
  }
  return {};
}

template <typename Visit>
void Backlog::drain(const Visit& visit) {
  while (!empty()) {
    const std::size_t count = blocks_.front().count;
    (void)each(count, [&](const auto& one) {
      visit(one);
      return Result<>();
    });
    drop(count);
  }
}

}  // namespace closewatch::history
