// SPDX-License-Identifier: Apache-2.0
// Who may connect to one listening socket: so many at a time, and so many of one address. Where
// there is no room the oldest connection gives way if it is overdue, so that clients that never
// finish cannot keep others out. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>

namespace closewatch {

struct AdmissionLimits {
  std::size_t connections = 32;
  std::size_t per_address = 8;
  std::uint64_t overdue_ns = 20'000'000'000;
};

// nullopt: a unix socket, whose clients are not told apart.
using ClientAddress = std::optional<std::array<std::uint8_t, 16>>;

// A connection that was admitted.
struct Guest {
  ClientAddress address;
  std::uint64_t since_ns = 0;     // any clock that does not go back
  int fd = -1;                    // owned by the HTTP server
  bool answered = false;          // its request was answered
  bool leaving = false;           // it had to give way
  std::size_t target_length = 0;  // of the request, bytes
};

enum class Admittance { admitted, full, address_full };

class Admission {
 public:
  explicit Admission(AdmissionLimits limits) : limits_(limits) {}

  struct Ruling {
    Admittance admittance = Admittance::admitted;
    Guest* gives_way = nullptr;  // to be disconnected; set only with admitted
  };
  // May a client connect? Marks the guest that gives way.
  Ruling ask(const ClientAddress& address, std::uint64_t now_ns);

  // A client that may is connected. The reference is good until it leaves.
  Guest& enter(const ClientAddress& address, int fd, std::uint64_t now_ns);
  void leave(const Guest& guest);

  [[nodiscard]] std::size_t size() const { return guests_.size(); }

 private:
  AdmissionLimits limits_;
  std::list<Guest> guests_;  // oldest first
};

}  // namespace closewatch
