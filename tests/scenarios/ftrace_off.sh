#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# With kernel.ftrace_enabled=0 the kernel attaches fentry programs and never runs them. Then the base
# hooks run, `--hooks full` is refused with the mend, and with that all is as ever. For a guest: the setting
# is the machine's.
set -euo pipefail

closewatch=/build/closewatch
setting=/proc/sys/kernel/ftrace_enabled
trap 'echo 1 >"$setting"' EXIT

expect() {  # TEXT FOUND
  [[ $2 == *"$1"* ]] || { printf 'expected: %s\nfound: %s\n' "$1" "$2" && exit 1; }
}

echo 0 >"$setting"
found=$("$closewatch" --version -v)
expect 'hooks: base' "$found"
expect 'fentry/__tcp_close (attached, but never run): not seen: the time that close() blocked' "$found"
expect 'sysctl kernel.ftrace_enabled=1' "$("$closewatch" doctor -j)"

code=0
found=$("$closewatch" trace --hooks full -d 0.001 2>&1) || code=$?
expect 'error: the full hook set cannot be attached: fentry: attached, but never run' "$found"
expect 'hint:  sysctl kernel.ftrace_enabled=1' "$found"
expect 'exit code 3' "exit code $code"

echo 1 >"$setting"
expect 'hooks: full' "$("$closewatch" --version -v)"
echo "attached and not run, then run: ok"
