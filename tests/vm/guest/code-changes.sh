#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The kernel changes its own code (a static key of the scheduler) while the other CPU runs through it:
# the emulator must show each CPU a change before the kernel counts on it. The kernel's log tells.
set -euo pipefail

switch=/proc/sys/kernel/sched_schedstats
busy() {  # tasks that take turns
  while :; do echo x; done | while read -r _; do :; done
}
busy &
pids=$!
busy &
pids+=" $!"
# shellcheck disable=SC2086  # two
trap 'kill $pids' EXIT

for ((i = 0; i < 50; ++i)); do
  echo 1 >$switch
  echo 0 >$switch
done
echo "$((2 * i)) changes: ok"
