#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Proofs of tools/vm/run and tests/vm/run, each a function below: tests/vm/cases.txt says on which
# kernels. KERNEL and RUN come from tests/vm/run. A boot costs several seconds of CPU, so that a proof is
# of all that one guest can show.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
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

# Both streams, every byte, arguments as given, files, and the end even if a child goes on; all of it
# although there is a line like the kernel's own of a fault.
results() {
  head -c 500000 /dev/urandom >"$work/sent"
  # shellcheck disable=SC2016  # as it is
  run --add "$work/sent:/sent" --kernel-log "$work/log" --out "$work/back" -- sh -c '
    cat /sent; cat /sent >&2; printf "<%s>" "$@"
    mkdir /out/deep; cp /sent "/out/deep/a b"; touch /out/empty; ln -s empty /out/link
    echo "WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:1" >/dev/kmsg
    sleep 1000 &' sh 'a b' "it's" '$HOME' '' $'x\ny'
  expect 'exit code' 70 "$code"
  cat "$work/sent" "$work/sent" - <<<$'<a b><it\'s><$HOME><><x\ny>' | head -c -1 | cmp - "$work/stdout"
  cmp "$work/sent" "$work/back/deep/a b"
  expect 'size of the empty file' 0 "$(stat -c %s "$work/back/empty")"
  expect 'link' empty "$(readlink "$work/back/link")"
  expect 'number of entries' 4 "$(find "$work/back" -mindepth 1 | wc -l)"
  expect_said 'WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:1'
  grep -q 'Linux version' "$work/log"
}

# What tests/vm/run gets as its cases: those of stdin, NAME | COMMAND.
take_cases() { sed "s/|/| $KERNEL | --modules , --timeout 10 | - |/" >"$work/cases"; }

# Runs them; the exit code is left in $code, what it said, without times, in $said.
run_cases() {  # OPTION...
  said=$("$here/run" "$work" --cases "$work/cases" "$@" 2>&1) && code=0 || code=$?
  said=$(sed -E 's/ \([0-9]+\.[0-9] s\)//; s/\[ *[0-9]+\.[0-9]+\]/[]/' <<<"$said")
}

# One guest, in which each case has its own output, kernel log and verdict.
cases() {
  local wanted told name verdicts=''
  take_cases <<'END'
    passes | echo "passes on $KERNEL"
    fails  | printf 'no line'; exit 3
    faulty | echo "WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:1" >/dev/kmsg; sleep 1000 & echo $! >/tmp/left
    clean  | ! kill -0 $(</tmp/left) 2>/dev/null && [[ $(</tmp/left) -gt 1 ]]
    hangs  | echo before; sleep 1000
    skips  | echo first; echo the reason; exit 77
    partly | echo first; echo 'SKIP a part: it is not there'; echo last
END
  run_cases --later
  expect 'exit code of --later' 0 "$code"
  wanted="PASS $KERNEL passes
FAIL $KERNEL fails: exit code 3
  | no line
FAIL $KERNEL faulty: exit code 70
  | [] WARNING: CPU: 0 PID: 1 at net/ipv4/tcp.c:1
PASS $KERNEL clean
FAIL $KERNEL hangs: exit code 124
  | before
SKIP $KERNEL skips: the reason
PASS $KERNEL partly
  | SKIP a part: it is not there
3 passed, 3 failed, 2 skipped"
  expect 'what it said' "$wanted" "$said"
  expect 'output' "passes on $KERNEL" "$(<"$work/vm/$KERNEL/passes/output")"
  expect 'logs with a boot' 7 "$(grep -l 'Linux version' "$work/vm/$KERNEL/"*/kernel.log | wc -l)"

  told=$said
  run_cases --tell
  expect 'what it tells later' "$told" "$said"
  expect 'exit code of all' 1 "$code"
  for name in passes fails skips; do
    run_cases --tell --case $name
    verdicts+=" $code"
  done
  run_cases --tell --case skips --no-skip
  expect 'exit codes of one that passes, fails, is skipped, must not be' ' 0 1 77 1' "$verdicts $code"
  run_cases --tell --case partly --no-skip
  expect 'exit code of one that left out a part' 0 "$code"
}

# A guest that dies of a case: the next one has those that come after it. What the case said is told if
# it left the guest, and it has once the pipe and the serial line have taken more than they hold after it.
panic() {
  take_cases <<'END'
    before | echo before
    panics | echo said; printf '%100000s'; echo c >/proc/sysrq-trigger
    after  | echo after
END
  run_cases
  expect 'exit code' 1 "$code"
  expect 'verdicts' "PASS $KERNEL before
FAIL $KERNEL panics: exit code 70
PASS $KERNEL after
2 passed, 1 failed, 0 skipped" "$(grep -v '^  | ' <<<"$said")"
  expect 'output' said "$(head -n 1 "$work/vm/$KERNEL/panics/output")"
  grep -q 'Kernel panic - not syncing' "$work/vm/$KERNEL/panics/kernel.log"
  expect 'logs with a panic' 1 "$(grep -l 'Kernel panic' "$work/vm/$KERNEL/"*/kernel.log | wc -l)"
}

# Runs it with a QEMU whose first TIMES kernels die early.
run_dying() {  # TIMES
  mkdir -p "$work/bin"
  cat >"$work/bin/qemu-system-x86_64" <<END
#!/usr/bin/env bash
echo >>"$work/boots"
((\$(wc -l <"$work/boots") <= $1)) || exec $(type -P qemu-system-x86_64) "\$@"
for argument; do
  [[ \$argument != file:*/console ]] || echo "[    0.6] Oops: general protection fault" >"\${argument#file:}"
done
END
  chmod +x "$work/bin/qemu-system-x86_64"
  rm -f "$work/boots"
  PATH=$work/bin:$PATH run -- echo said
}

# A kernel that dies before its first process is booted again, which is told; but not for ever.
dies_early() {
  run_dying 1
  expect 'exit code of the second boot' 0 "$code"
  expect 'its output' said "$(<"$work/stdout")"
  expect 'what is told' "note: $KERNEL: the kernel died before its first process, boot 2 follows: \
[    0.6] Oops: general protection fault" "$(grep '^note: ' "$work/stderr")"
  run_dying 9
  expect 'exit code when all die' 70 "$code"
  expect 'boots' 3 "$(wc -l <"$work/boots")"
  expect 'notes' 2 "$(grep -c '^note: ' "$work/stderr")"
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

# Two guests at the same time, each with its own exit code.
two_at_once() {
  local first=0
  # shellcheck disable=SC2016  # as it is
  "$RUN" "$KERNEL" --modules '' -- sh -c 'echo first; kill -TERM $$' >"$work/first" &
  run -- no-such-command
  wait $! || first=$?
  expect 'exit code of SIGTERM' 143 "$first"
  expect 'output of the first' first "$(head -n 1 "$work/first")"
  expect 'exit code of a command that is not there' 127 "$code"
  expect_said 'hint: the guest has busybox, bash and what --add gives it'
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
