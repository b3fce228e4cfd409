#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The Debian package in a guest with systemd (tools/vm/run --system): installed by dpkg, its hardened
# unit observes, tells, reloads, is restarted and stops, is upgraded and purged. The program aborts
# makes all closures of its name, so every number is known beforehand.
set -euo pipefail

unit=closewatch
made=0          # connections of aborts so far
made_to_this=0  # of these, since the running daemon started
unread=19       # bytes left unread in each

fail() {  # MESSAGE
  printf 'error: %s\n' "$1"
  systemctl status --no-pager --lines=0 $unit || true
  journalctl --boot --no-pager --output=short-monotonic --unit=$unit | tail -n 60
  exit 1
}
expect() {  # WHAT WANTED FOUND
  [[ $3 == "$2" ]] || fail "$1: wanted '$2', found '$3'"
}
say() { printf '%4d s  %s\n' "${SECONDS}" "$1"; }

# Runs COMMAND until it succeeds.
await() {  # WHAT COMMAND...
  local what=$1 until=$((SECONDS + 60))
  shift
  until "$@"; do
    ((SECONDS < until)) || fail "waited for a minute for $what"
    sleep 0.3
  done
}
property() { systemctl show --property="$1" --value $unit; }
pid() { property MainPID; }
journal() { journalctl --boot --quiet --output=cat --unit=$unit "$@"; }
# TEXT. To the end (not grep -q): a journalctl whose reader has gone has failed.
logged() { journal | grep -- "$1" >/dev/null; }

abort() {  # COUNT
  /build/tests/package/aborts "$1"
  made=$((made + $1)) made_to_this=$((made_to_this + $1))
}

by_socket() { curl --silent --fail --unix-socket /run/closewatch/metrics.sock http://localhost/metrics; }
by_tcp() { curl --silent --fail http://127.0.0.1:10177/metrics; }
# What a page says of aborts, and of what was lost anywhere.
counted() {  # PAGE
  "$1" | grep -E '^closewatch_(process_(closures|closures_lossy|discarded_bytes|unread_bytes)_total\{.*process="aborts"|lost_records_total)' |
    sed 's/,initiator="[a-z]*"//' | LC_ALL=C sort
}
wanted_counts() {
  cat <<END
closewatch_lost_records_total 0
closewatch_process_closures_lossy_total{process="aborts"} $made_to_this
closewatch_process_closures_total{process="aborts",class="abortive",reason="reset_by_peer"} $made_to_this
closewatch_process_closures_total{process="aborts",class="abortive",reason="unread_data"} $made_to_this
closewatch_process_discarded_bytes_total{process="aborts"} 0
closewatch_process_unread_bytes_total{process="aborts"} $((made_to_this * unread))
END
}
metrics_are_exact() { [[ $(counted "$1") == "$(wanted_counts)" ]]; }
expect_metrics() {
  # A page is as old as a second.
  await "the metrics: $(counted by_socket || true)" metrics_are_exact by_socket
  expect 'metrics over TCP' "$(wanted_counts)" "$(counted by_tcp)"
}

# "REASON BYTES_UNREAD COUNT" of aborts in the history.
in_history() {
  closewatch trace --history --comm aborts --json --quiet |
    sed -E 's/.*"reason":"([a-z_]+)".*"unread":([0-9]+).*/\1 \2/' | sort | uniq -c |
    awk '{print $2, $3, $1}'
}
wanted_history() { printf 'reset_by_peer 0 %d\nunread_data %d %d\n' $made $unread $made; }
history_is_exact() { [[ $(in_history) == "$(wanted_history)" ]]; }
expect_report() {
  expect 'report over the history' "$((2 * made)) $((made * unread))" \
    "$(closewatch report --since 1h --by process --output csv | awk -F, '
      NR == 1 {for (i = 1; i <= NF; i++) column[$i] = i}
      $column["comm"] == "aborts" {closures += $column["closures"]; unread += $column["unread"]}
      END {print closures, unread}')"
}

expect_active() {  # HOOKS
  expect 'the unit' active "$(systemctl is-active $unit)"
  [[ $(property StatusText) == "watching ($1 hooks): "*' closures, 0 lost' ]] ||
    fail "its status: $(property StatusText)"
}

# It is ready, not only started, when dpkg is done: the unit is of the type notify.
dpkg --install /build/package/closewatch_*.deb </dev/null
expect_active full
expect 'start at boot' enabled "$(systemctl is-enabled $unit)"
expect 'errors and warnings of a fresh start' '' "$(journal --priority=warning)"
say 'installed and ready'

# Bits 38 and 39 are CAP_PERFMON and CAP_BPF: not held any more, nothing else could be.
user=$(id -u closewatch) group=$(id -g closewatch)
for status in /proc/"$(pid)"/task/*/status; do
  expect "$status" "Uid $user $user $user $user
Gid $group $group $group $group
CapInh 0000000000000000
CapPrm 0000000000000000
CapEff 0000000000000000
CapBnd 000000c000000000
CapAmb 0000000000000000
NoNewPrivs 1
Seccomp 2" "$(awk -F'[:\t]+' '/^(Uid|Gid|Cap...|NoNewPrivs|Seccomp):/ {$1 = $1; print}' "$status" | sed 's/ *$//')"
done
expect 'the history' "closewatch:closewatch 750" "$(stat -c '%U:%G %a' /var/lib/closewatch)"
expect 'nothing of root in it' '' "$(find /var/lib/closewatch /run/closewatch ! -user closewatch)"
say 'runs as its user, without a capability'

abort 7
await 'the alert' logged '^alert firing: abortive_loss: process aborts: '
expect 'the alert is a warning' 1 "$(journal --priority=warning..warning | grep -c '^alert firing: ')"
logged '^alert evidence: .*"reason":"unread_data"' || fail 'an alert without evidence'
expect_metrics
await 'the history' history_is_exact
expect_report
say 'closures observed, alert raised'

# Which hooks is read at the start only: those that follow are with the base set.
before=$(pid)
written=$'[observe]\nhooks = "base"'
printf '%s\n' "$written" >/etc/closewatch/closewatch.toml
systemctl reload $unit
await 'the reload' logged 'the configuration was read again'
abort 3
expect 'the process after a reload' "$before" "$(pid)"
expect_metrics
say 'reloaded'

# What follows is between the unit, systemd and dpkg, the same on every kernel: once will do.
[[ $KERNEL == 6.1 ]] || exit 0

# Restarted after a kill, as the unit says but sooner, and with a watchdog that is not so patient.
await 'the history before the kill' history_is_exact
mkdir -p /run/systemd/system/$unit.service.d
printf '[Service]\nWatchdogSec=3\nRestartSec=1\n' \
  >/run/systemd/system/$unit.service.d/sooner.conf
systemctl daemon-reload
kill -9 "$before"
restarted() { [[ "$(property NRestarts) $(systemctl is-active $unit)" == "$1 active" ]]; }
await 'the restart after a kill' restarted 1
made_to_this=0
expect_active base
abort 2
expect_metrics
say 'killed and restarted'

# It beats in the quiet that follows; when it hangs, it is restarted too.
await 'the history before the hang' history_is_exact
last_beat=$(property WatchdogTimestampMonotonic)
beats_again() { [[ $(property WatchdogTimestampMonotonic) != "$last_beat" ]]; }
for _ in 1 2 3 4; do
  await 'a heartbeat' beats_again
  last_beat=$(property WatchdogTimestampMonotonic)
done
expect 'restarts while it beats' 1 "$(property NRestarts)"
kill -STOP "$(pid)"
await 'the watchdog' logged 'Watchdog timeout (limit 3s)'
await 'the restart after the watchdog' restarted 2
made_to_this=0
rm -r /run/systemd/system/$unit.service.d
systemctl daemon-reload
say 'hung and restarted'

abort 4
before=$(pid)
dpkg --force-confold --install /build/package/newer.deb </dev/null
expect_active base
[[ $(pid) != "$before" ]] || fail 'the upgrade did not restart it'
expect 'the history after the upgrade' "$(wanted_history)" "$(in_history)"
expect 'the configuration after the upgrade' "$written" "$(</etc/closewatch/closewatch.toml)"
made_to_this=0
abort 1
expect_metrics
say 'stopped and upgraded, nothing lost'

# The program goes, what it has written stays: a copy reads it.
abort 3
cp "$(type -P closewatch)" /tmp/
dpkg --remove closewatch
expect 'after the removal' inactive "$(systemctl is-active $unit || true)"
expect 'clean stops: for the upgrade and the removal' 2 \
  "$(journal | grep -c '^closewatch.service: Deactivated successfully')"
[[ ! -e /run/closewatch ]] || fail 'its runtime directory is still there'
PATH=/tmp:$PATH
expect 'the history after the removal' "$(wanted_history)" "$(in_history)"
expect_report
rm /tmp/closewatch
say 'removed, nothing lost'

dpkg --purge closewatch
expect 'files after a purge' '' \
  "$(find /etc /usr /var /run ! -path '/var/lib/dpkg/*' -name '*closewatch*')"
expect 'units that failed' '' "$(systemctl list-units --failed --quiet)"
say 'purged'
