#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The guest is what the other cases take for granted: the kernel, its BTF, the mounts, the modules,
# and network namespaces that reach each other.
set -euo pipefail

expect() {  # WHAT WANTED FOUND
  [[ $3 == "$2" ]] || { echo "$1: wanted '$2', found '$3'" && exit 1; }
}

# Other cases follow in this guest.
put_back() {
  set +e
  nft delete table inet filter
  ip link delete near
  ip netns delete peer
  ip link delete tun0
} 2>/dev/null
trap put_back EXIT

release=$(uname -r)
expect 'kernel version' "$KERNEL." "${release:0:${#KERNEL}+1}"
expect 'user' 0 "$(id -u)"
expect 'BTF magic' '9f eb' "$(head -c 2 /sys/kernel/btf/vmlinux | xxd -p | sed 's/../& /; s/ $//')"
expect 'a terminal on stdout' no "$([[ -t 1 ]] && echo yes || echo no)"
expect '/proc/kcore without lockdown' 1 "$(head -c 1 /proc/kcore | wc -c)"

while read -r directory type; do
  expect "mount on $directory" "$type" "$(awk -v d="$directory" '$2 == d {print $3}' /proc/mounts)"
done <<'EOF'
/proc proc
/sys sysfs
/dev devtmpfs
/sys/fs/bpf bpf
/sys/fs/cgroup cgroup2
/sys/kernel/tracing tracefs
/sys/kernel/security securityfs
EOF

modules='veth tun sch_netem nf_tables inet_diag tcp_diag tls'
[[ $KERNEL != 5.10 ]] || modules=${modules% tls}  # Debian builds 5.10 for clouds without it
for module in $modules; do
  expect "module $module" "$module" "$(awk -v m="$module" '$1 == m {print $1}' /proc/modules)"
done

expect 'lo' UP "$(ip -o link show lo | grep -ow UP | head -n 1)"
ip tuntap add dev tun0 mode tun
expect 'tun device' tun0 "$(basename /sys/class/net/tun0)"
expect 'tun flags: TUN, PERSIST, NO_PI' 0x1801 "$(cat /sys/class/net/tun0/tun_flags)"

ip netns add peer
ip link add near type veth peer name far netns peer
ip address add 10.7.0.1/24 dev near
ip link set near up
ip -n peer address add 10.7.0.2/24 dev far
ip -n peer link set far up
ping -c 1 -W 5 10.7.0.2 >/dev/null

tc qdisc add dev near root netem loss 100%
nft -f - <<'EOF'
table inet filter {
  chain input {
    type filter hook input priority 0;
    ct state new tcp dport 9 counter reject with tcp reset
    numgen random mod 2 0 limit rate 1/second quota over 5 bytes drop
  }
}
EOF
expect 'nft rules' 2 "$(nft list chain inet filter input | grep -cE 'reject|drop')"
echo "$release: ok"
