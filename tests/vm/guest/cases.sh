#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The other half of tests/vm/run: in a guest, runs cases one after another, none longer than SECONDS.
#
#   cases.sh SECONDS NAME COMMAND [NAME COMMAND...]
#
# What is of which case is said by records that begin with the byte RS on stdout: "begin NAME" before
# what the case says, "end CODE HUNDREDTHS" after it; and by a line "tests/vm: case NAME" of the
# kernel's log.
set -euo pipefail

limit=$1
shift

now() {  # hundredths of a second; a case may set the clock
  read -r uptime _ </proc/uptime
  uptime=${uptime/./}
}

# Ends what a case left running: whoever has a memory map, as kernel threads and zombies have none,
# and was not there before. A systemd has services of its own to start.
present=
for directory in /proc/[0-9]*; do present+=" ${directory#/proc/} "; done
end_leftovers() {
  local directory pid found=yes
  [[ $(</proc/1/comm) != systemd ]] || return 0
  while [[ $found ]]; do
    found=
    for directory in /proc/[0-9]*; do
      pid=${directory#/proc/}
      if [[ $present != *" $pid "* ]] && read -r _ <"$directory/maps" && kill -9 "$pid"; then found=yes; fi
    done 2>/dev/null
  done
}

while (($#)); do
  echo "tests/vm: case $1" >/dev/kmsg
  printf '\036begin %s\n' "$1"
  now
  begin=$uptime code=0
  timeout --kill-after=5 "$limit" bash -c "$2" </dev/null || code=$?
  end_leftovers
  now
  printf '\036end %d %d\n' "$code" $((10#$uptime - 10#$begin))
  shift 2
done
