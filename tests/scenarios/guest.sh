#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# closewatch_scenarios in a guest, with further OPTIONs.
#
# What makes up for a program that the kernel left out is attached, from 6.1 to 6.19, when that first happens:
# of the event by which it is found the end may be seen late, which a second round forgives and tells.
set -euo pipefail

rounds=1
[[ $KERNEL != 6.* ]] || rounds=2
exec /build/tests/scenarios/closewatch_scenarios --closewatch /build/closewatch --rounds $rounds "$@"
