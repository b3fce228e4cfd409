// SPDX-License-Identifier: Apache-2.0
// Any bytes are a record or are rejected; a record that was decoded encodes to the same values.
#include <algorithm>
#include <cstring>

#include "tests/data/raw_record.h"
#include "tests/fuzz/require.h"
#include "userspace/record/decode.h"

namespace closewatch::fuzz {
namespace {

void check(std::span<const std::byte> record) {
  const Decoded decoded = decode(record);
  if (const auto* closure = std::get_if<Closure>(&decoded)) {
    require(decode(testing::encode(*closure)) == decoded, "a closure survives encode and decode");
    require(closure->process.comm().size() <= CW_COMM_LENGTH, "a name stays within its bytes");
  } else if (const auto* amendment = std::get_if<Amendment>(&decoded)) {
    require(decode(testing::encode(*amendment)) == decoded, "an amendment survives it too");
  } else {
    require(!name_of(std::get<Rejected>(decoded).reason).empty(), "a rejection has a name");
  }
}

// The bytes as the content of a record of this type, so that the checks behind the header are
// reached.
template <typename Raw>
void check_as(std::uint16_t type, std::span<const std::byte> bytes) {
  Raw raw{};
  std::memcpy(&raw, bytes.data(), std::min(bytes.size(), sizeof raw));
  raw.header.abi = CW_ABI_VERSION;
  raw.header.type = type;
  raw.header.size = sizeof raw;
  check(testing::bytes_of(raw));
}

}  // namespace
}  // namespace closewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace closewatch::fuzz;
  const auto bytes = std::as_bytes(std::span{data, size});
  check(bytes);
  check_as<cw_closure>(CW_RECORD_CLOSURE, bytes);
  check_as<cw_amendment>(CW_RECORD_AMENDMENT, bytes);
  return 0;
}
