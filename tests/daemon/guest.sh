#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon on this kernel: what it keeps of its capabilities, that it reads its maps with them, that
# it takes a reload, a wall clock that is set a day ahead, an hour back and a month ahead, and a stop.
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

ask() {  # makes one connection, of which both ends are closures
  exec 3<>/dev/tcp/127.0.0.1/9417
  printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
  cat <&3 >/tmp/page
  exec 3>&-
}
set_clock() {  # SECONDS from now
  date -s "@$(($(date +%s) + $1))" >/dev/null
}

mkdir -p /run /tmp/history
true >"$log"
cat >/tmp/closewatch.toml <<'TOML'
[history]
path = "/tmp/history/history.db"
keep_closures = "1h"
[metrics]
listen = ["127.0.0.1:9417"]
[alerts]
built_in = false
[[alerts.rule]]
name = "any"
per = "host"
threshold = 1
window = "1h"
TOML
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

# What closes has the time of the clock as it is then; nothing is deleted by age, and no alert is over.
moments=()
ask_now() {
  moments+=("$(date +%s)")
  ask
}
ask_now
await 'alert firing: any'
set_clock 86400
ask_now
await 'history: the wall clock was set by +86[34][0-9][0-9] s; nothing is deleted by age for a day'
set_clock -3600
ask_now
await 'history: the wall clock was set by -360[0-9] s'
set_clock $((31 * 86400))
ask_now
await 'history: the wall clock was set by +26[0-9]* s'
kill -TERM "$daemon"
wait "$daemon" || fail "it ended with $?"
grep -q 'history: 8 closures taken, 8 rows written, 0 refused' "$log" ||
  fail 'not every closure is in the history'
grep -q 'alerts: 8 closures judged, 1 fired, 1 told, 0 held back, 0 resolved' "$log" ||
  fail 'the alert is not what the closures made it'
times=$(/build/closewatch trace --history /tmp/history/history.db -j | sed 's/.*"time":"\([^."]*\).*/\1/')
[[ $(wc -l <<<"$times") == 8 ]] || fail "not eight closures: $times"
for moment in "${moments[@]}"; do  # both ends of a connection, within ten minutes
  earliest=$(date -u -d "@$moment" +%FT%T)
  latest=$(date -u -d "@$((moment + 600))" +%FT%T)
  of_it=0
  while read -r time; do
    [[ $time < $earliest || $time > $latest ]] || of_it=$((of_it + 1))
  done <<<"$times"
  [[ $of_it == 2 ]] || fail "not two closures at $earliest: $times"
done
# By the clock of now, the last minute has the last two.
/build/closewatch report --history /tmp/history/history.db --since 10m -j >/tmp/report
grep -q '"closures":2' /tmp/report || fail "not two closures in ten minutes: $(cat /tmp/report)"
grep 'capabilities kept' "$log"
