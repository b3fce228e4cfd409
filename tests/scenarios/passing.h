// SPDX-License-Identifier: Apache-2.0
// Descriptors sent from process to process over AF_UNIX (SCM_RIGHTS). A channel that is opened
// before the actors are forked is the same pair of descriptors in each of them.
#pragma once

namespace closewatch::scenarios {

struct Channel {
  int one;
  int two;
};

Channel open_channel();
void send_descriptor(int channel, int fd);
// The descriptor, new here; -1 when none came.
int take_descriptor(int channel);

}  // namespace closewatch::scenarios
