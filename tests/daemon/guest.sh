#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon on this kernel: what it keeps of its capabilities, that it reads its maps with them, and
# that it takes a reload and a stop.
set -euo pipefail

log=/tmp/log
fail() {  # MESSAGE
  printf 'error: %s\n' "$1"
  cat "$log"
  exit 1
}
await() {  # TEXT of the log
  until grep -q "$1" "$log"; do
    kill -0 "$daemon" 2>/dev/null || fail "it ended before it said: $1"
    sleep 0.1
  done
}

mkdir -p /run /tmp/history
true >"$log"
printf '[history]\npath = "/tmp/history/history.db"\n' >/tmp/closewatch.toml
/build/closewatch check-config /tmp/closewatch.toml
/build/closewatch serve --config /tmp/closewatch.toml 2>"$log" &
daemon=$!
await 'closewatch: watching'

# Bit 19 is CAP_SYS_PTRACE, bit 39 CAP_BPF: before Linux 5.19 that is wanted for reading maps.
kept=0000000000080000
[[ $KERNEL != 5.10 ]] || kept=0000008000080000
for status in /proc/"$daemon"/task/*/status; do
  for set in CapPrm CapEff; do
    [[ $(awk -v set="$set:" '$1 == set {print $2}' "$status") == "$kept" ]] ||
      fail "$set of $status is not $kept: $(grep Cap "$status")"
  done
done
kill -HUP "$daemon"
await 'the configuration was read again'
kill -TERM "$daemon"
wait "$daemon" || fail "it ended with $?"
grep -q 'closewatch: history: ' "$log" || fail 'no account of the history'
grep 'capabilities kept' "$log"
