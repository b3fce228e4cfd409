// SPDX-License-Identifier: Apache-2.0
// The parts of demo_situations(), one function per file.
#pragma once

#include <vector>

#include "userspace/demo/situation.h"

namespace closewatch::demo {

std::vector<Situation> graceful_situations();  // and lingered
std::vector<Situation> timed_out_situations();
std::vector<Situation> abortive_situations();
std::vector<Situation> unestablished_situations();

}  // namespace closewatch::demo
