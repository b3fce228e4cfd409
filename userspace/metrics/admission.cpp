// SPDX-License-Identifier: Apache-2.0
#include "userspace/metrics/admission.h"

#include <algorithm>

namespace closewatch {

Admission::Ruling Admission::ask(const ClientAddress& address, std::uint64_t now_ns) {
  Guest* oldest = nullptr;         // of all that stay
  Guest* oldest_of_his = nullptr;  // of these, from the same address
  std::size_t all = 0;
  std::size_t of_his = 0;
  for (Guest& guest : guests_) {
    if (guest.leaving) {
      continue;
    }
    oldest = oldest == nullptr ? &guest : oldest;
    ++all;
    if (address && guest.address == address) {
      oldest_of_his = oldest_of_his == nullptr ? &guest : oldest_of_his;
      ++of_his;
    }
  }
  const bool address_full = of_his >= limits_.per_address;
  if (!address_full && all < limits_.connections) {
    return {};
  }
  Guest* const candidate = address_full ? oldest_of_his : oldest;
  if (candidate != nullptr && now_ns - candidate->since_ns >= limits_.overdue_ns) {
    candidate->leaving = true;
    return {Admittance::admitted, candidate};
  }
  return {address_full ? Admittance::address_full : Admittance::full, nullptr};
}

Guest& Admission::enter(const ClientAddress& address, int fd, std::uint64_t now_ns) {
  Guest& guest = guests_.emplace_back();
  guest.address = address;
  guest.since_ns = now_ns;
  guest.fd = fd;
  return guest;
}

void Admission::leave(const Guest& guest) {
  guests_.remove_if([&guest](const Guest& each) { return &each == &guest; });
}

}  // namespace closewatch
