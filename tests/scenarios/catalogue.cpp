// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/catalogue.h"

#include <iterator>

namespace closewatch::scenarios {

const std::vector<demo::Situation>& all_situations() {
  static const std::vector<demo::Situation> kAll = [] {
    std::vector<demo::Situation> all = demo::demo_situations();
    for (auto* part :
         {orderly_situations, timewait_situations, linger_situations, linger_zero_situations,
          timeout_situations, unread_situations, late_data_situations, reset_situations,
          destroy_situations, orphan_situations, listener_situations, attempt_situations,
          identity_situations, io_uring_situations, protocol_situations, multipath_situations,
          bpf_situations, kernel_socket_situations}) {
      std::vector<demo::Situation> situations = part();
      all.insert(all.end(), std::make_move_iterator(situations.begin()),
                 std::make_move_iterator(situations.end()));
    }
    return all;
  }();
  return kAll;
}

}  // namespace closewatch::scenarios
