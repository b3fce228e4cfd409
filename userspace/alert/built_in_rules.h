// SPDX-License-Identifier: Apache-2.0
// The rules that are useful without any configuration.
#pragma once

#include <vector>

#include "userspace/alert/rule.h"

namespace closewatch::alert {

// abortive_loss    5 abortive closes of one process lost bytes within 5 minutes
// listener_closed  a listener was closed with connections in its queue
// linger_blocks    close() kept a thread for a second or longer
// timeouts_rise    at least 5 timed out within 10 minutes, 3 times as many as in the 10 before
std::vector<Rule> built_in_rules();

}  // namespace closewatch::alert
