// SPDX-License-Identifier: Apache-2.0
// All situations of the test: those of `closewatch demo` and the rest of kernel.md's catalogue, one
// function for each file of situations.
#pragma once

#include <vector>

#include "userspace/demo/situation.h"

namespace closewatch::scenarios {

const std::vector<demo::Situation>& all_situations();

std::vector<demo::Situation> orderly_situations();
std::vector<demo::Situation> timewait_situations();
std::vector<demo::Situation> linger_situations();
std::vector<demo::Situation> linger_zero_situations();
std::vector<demo::Situation> timeout_situations();
std::vector<demo::Situation> unread_situations();
std::vector<demo::Situation> late_data_situations();
std::vector<demo::Situation> reset_situations();
std::vector<demo::Situation> destroy_situations();
std::vector<demo::Situation> orphan_situations();
std::vector<demo::Situation> listener_situations();
std::vector<demo::Situation> attempt_situations();
std::vector<demo::Situation> identity_situations();
std::vector<demo::Situation> io_uring_situations();
std::vector<demo::Situation> protocol_situations();
std::vector<demo::Situation> multipath_situations();
std::vector<demo::Situation> bpf_situations();
std::vector<demo::Situation> kernel_socket_situations();

}  // namespace closewatch::scenarios
