// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/catalogue.h"

namespace closewatch::scenarios {

const std::vector<demo::Situation>& all_situations() {
  static const std::vector<demo::Situation> kAll = demo::demo_situations();
  return kAll;
}

}  // namespace closewatch::scenarios
