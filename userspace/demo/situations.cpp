// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include "userspace/demo/catalogue.h"
#include "userspace/demo/situation.h"

namespace closewatch::demo {

const std::vector<Situation>& demo_situations() {
  static const std::vector<Situation> kAll = [] {
    std::vector<Situation> all;
    for (auto* part : {graceful_situations, timed_out_situations, abortive_situations,
                       unestablished_situations}) {
      std::vector<Situation> situations = part();
      all.insert(all.end(), std::make_move_iterator(situations.begin()),
                 std::make_move_iterator(situations.end()));
    }
    return all;
  }();
  return kAll;
}

}  // namespace closewatch::demo
