#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lockdown=confidentiality is in force, and what the cases need works all the same: Debian's signed
# modules load, and a tun device can be made.
set -euo pipefail

state=$(cat /sys/kernel/security/lockdown)
[[ $state == *'[confidentiality]'* ]] || { echo "lockdown is: $state" && exit 1; }
if head -c 1 /proc/kcore >/dev/null 2>&1; then
  echo "/proc/kcore can be read"
  exit 1
fi
grep -q '^nf_tables ' /proc/modules || { echo "nf_tables is not loaded" && exit 1; }
ip tuntap add dev tun0 mode tun
ip link delete tun0
echo "$state: ok"
