// SPDX-License-Identifier: Apache-2.0
// From the raw bytes of one ring buffer record (bpf/abi.h) to a Closure or an Amendment. Any bytes
// are taken: what is not a record of this ABI comes back as Rejected with the reason, and the
// caller counts it. No allocation, no state, and the bytes need no alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "userspace/record/closure.h"

namespace closewatch {

// Why bytes are no record. The checks are made in this order.
enum class RejectReason : std::uint8_t {
  too_short,       // smaller than the header of every record
  wrong_abi,       // not CW_ABI_VERSION
  wrong_type,      // not an enum cw_record_type
  wrong_size,      // header.size, the span and the size of the type differ
  wrong_facts,     // a fact that this ABI does not have
  wrong_role,      // not an enum cw_role
  wrong_state,     // not a TcpState
  wrong_shutdown,  // not a combination of RCV_SHUTDOWN and SEND_SHUTDOWN
  wrong_family,    // neither AF_INET nor AF_INET6
};

// The name as declared above, for messages and counters.
std::string_view name_of(RejectReason reason);

struct Rejected {
  RejectReason reason = RejectReason::too_short;
  friend bool operator==(const Rejected&, const Rejected&) = default;
};

using Decoded = std::variant<Closure, Amendment, Rejected>;

// Decodes one whole record; `record` is exactly its bytes.
Decoded decode(std::span<const std::byte> record);

}  // namespace closewatch
