// SPDX-License-Identifier: Apache-2.0
// What somebody who scrapes the daemon gets.
#pragma once

#include <cstdint>
#include <string>

namespace closewatch::daemon_test {

// What a client of the unix socket gets.
std::string get(const std::string& socket_path, const std::string& target);

// The sum of the samples of a metric whose labels hold `label`.
std::uint64_t sum_of(const std::string& page, const std::string& metric,
                     const std::string& label = "");

// Closures that are counted, and connections of which none can be: the kernel ran no program at
// their end (bpf/README.md, "What can go unseen").
std::uint64_t accounted_for(const std::string& page);

}  // namespace closewatch::daemon_test
