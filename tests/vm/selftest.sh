#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Proofs of tools/vm/run, each a function below: tests/vm/cases.txt says on which kernels. KERNEL and
# RUN come from tests/vm/run.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect() {  # WHAT WANTED FOUND
  [[ $3 == "$2" ]] || { echo "$1: wanted '$2', found '$3'" && exit 1; }
}

# Runs the guest, with the least that it can be; its exit code is left in $code, stdout and stderr in
# files of $work.
run() {
  code=0
  "$RUN" "$KERNEL" --modules '' "$@" >"$work/stdout" 2>"$work/stderr" || code=$?
}

expect_said() {  # TEXT
  grep -Fq -- "$1" "$work/stderr" || { echo "not said: $1" && cat "$work/stderr" && exit 1; }
}

exit_code() {
  run -- sh -c 'kill -TERM $$'
  expect 'exit code of SIGTERM' 143 "$code"
  run -- no-such-command
  expect 'exit code of a command that is not there' 127 "$code"
  expect_said 'hint: the guest has busybox, bash and what --add gives it'
}

# Both streams, every byte, arguments as given, and the end even if a child goes on.
output() {
  head -c 500000 /dev/urandom >"$work/sent"
  # shellcheck disable=SC2016  # as it is
  run --add "$work/sent:/sent" -- sh -c 'cat /sent; cat /sent >&2; sleep 1000 & printf "<%s>" "$@"; exit 3' \
    sh 'a b' "it's" '$HOME' '' $'x\ny'
  expect 'exit code' 3 "$code"
  cat "$work/sent" "$work/sent" - <<<$'<a b><it\'s><$HOME><><x\ny>' | head -c -1 | cmp - "$work/stdout"
}

files_back() {
  head -c 500000 /dev/urandom >"$work/sent"
  run --add "$work/sent:/sent" --out "$work/back" -- \
    sh -c 'mkdir /out/deep && cp /sent "/out/deep/a b" && touch /out/empty && ln -s empty /out/link'
  expect 'exit code' 0 "$code"
  cmp "$work/sent" "$work/back/deep/a b"
  expect 'size of the empty file' 0 "$(stat -c %s "$work/back/empty")"
  expect 'link' empty "$(readlink "$work/back/link")"
  expect 'number of entries' 4 "$(find "$work/back" -mindepth 1 | wc -l)"
}

# A line like the kernel's own, of a command that succeeds: its files come back all the same.
kernel_fault() {
  run --kernel-log "$work/log" --out "$work/back" -- \
    sh -c 'echo "WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:1" >/dev/kmsg; echo kept >/out/file'
  expect 'exit code' 70 "$code"
  expect 'file' kept "$(<"$work/back/file")"
  expect_said 'WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:1'
  grep -q 'Linux version' "$work/log"
}

hang() {
  run --timeout 10 -- sleep 1000
  expect 'exit code' 124 "$code"
  expect_said "error: $KERNEL: no end within 10 seconds"
  expect_said 'the last lines of the console:'
}

# The output comes while the command still runs, and ending the runner ends the guest.
live() {
  mkfifo "$work/pipe"
  "$RUN" "$KERNEL" --modules '' -- sh -c 'echo before; exec sleep 1000' >"$work/pipe" &
  local runner=$! line guest
  read -r line <"$work/pipe"
  expect 'output of a command that still runs' before "$line"
  guest=$(pgrep -P "$(pgrep -x -P $runner timeout)" -f qemu-system)
  kill $runner
  code=0
  wait $runner || code=$?
  expect 'exit code' 143 "$code"
  timeout 60 tail --pid="$guest" -f /dev/null
}

panic() {
  run -- sh -c 'echo c >/proc/sysrq-trigger'
  expect 'exit code' 70 "$code"
  expect_said 'Kernel panic - not syncing'
}

two_at_once() {
  "$RUN" "$KERNEL" --modules '' -- echo first >"$work/first" &
  run -- echo second
  wait $!
  expect 'exit code' 0 "$code"
  expect 'output of the first' first "$(<"$work/first")"
  expect 'output of the second' second "$(<"$work/stdout")"
}

wrong_usage() {
  run
  expect 'no command' 125 "$code"
  expect_said 'error: no command given'
  run --no-such-option -- true
  expect 'an option that does not exist' 125 "$code"
  run --add /no/such/file -- true
  expect 'a file that does not exist' 125 "$code"
  run --modules no_such_module -- true
  expect 'a module that does not exist' 125 "$code"
  expect_said "error: kernel $KERNEL has no module no_such_module here"
  run --kernel-log /no/such/directory/log -- true
  expect 'a log that cannot be written' 125 "$code"
  expect_said 'error: cannot write /no/such/directory/log'
  KERNEL=0.99 run -- true
  expect 'a kernel that is not in the cache' 125 "$code"
  expect_said 'hint: tools/vm/fetch 0.99'
}

"$1"
echo ok
