#!/bin/bash
# What watching $1 cgroups costs, of which $2 move: oomtrace as the service that is shipped, systemd-cgtop, and a plain loop,
# one after the other on the same host. Arguments further: seconds to measure, oomtrace's --probes, its LimitNOFILE= or
# `default`. Prints `KEY VALUE` lines.
#
# Who is measured runs in a unit of its own, whose cpu.stat counts all of its threads and the kernel's work in its calls.
# Under `--icount` a nanosecond of CPU time is an instruction.
set -eu
cgroups=$1 moving=$2 seconds=$3 probes=$4 files=$5
export LC_ALL=C
# Waits with what the shell has in itself: a program each time would be most of what an emulated guest does.
until_true() { local i; for ((i = 0; i < 2000; i++)); do "$@" && return; sleep 0.5; done; echo "gave up waiting for: $*" >&2; return 1; }
systemd-run --quiet --unit host --slice host.slice -p OOMScoreAdjust=-1000 python3 /share/host.py "$cgroups" "$moving" /run/host
is_ready() { [ -s /run/host ]; }
until_true is_ready
all() { find /sys/fs/cgroup -mindepth 1 -type d | wc -l; }

# As it is shipped, but for what is asked for.
mkdir -p /run/systemd/system/oomtrace.service.d
if [ "$probes" != auto ]; then
    sed -n 's/^ExecStart=.*/[Service]\nExecStart=\n& --probes '"$probes"'/p' /usr/lib/systemd/system/oomtrace.service > /run/systemd/system/oomtrace.service.d/probes.conf
fi
printf '[Service]\nTimeoutStartSec=infinity\nWatchdogSec=0\n' > /run/systemd/system/oomtrace.service.d/patience.conf
if [ "$files" != default ]; then
    printf '[Service]\nLimitNOFILE=%s\n' "$files" > /run/systemd/system/oomtrace.service.d/files.conf
fi
systemctl daemon-reload
systemctl start oomtrace.service
watched=$(cut -d' ' -f1 /proc/uptime)
pid=$(systemctl show -P MainPID oomtrace.service)
unit=/sys/fs/cgroup/system.slice/oomtrace.service
used() { sed -n 's/^usage_usec //p' "$unit/cpu.stat"; }
now() { cut -d' ' -f1 /proc/uptime; }
of() { sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$pid/status"; }
echo "start $(used)"
echo "peak_start $(of VmHWM)"
# What is only done at first is done by then.
sleep 10
began=$(now) before=$(used)
sleep "$seconds"
ended=$(now) after=$(used)
echo "cgroups $(all)"
echo "used $(python3 -c "print(($after - $before) / ($ended - $began))")"
echo "resident $(of VmRSS)"
echo "peak $(of VmHWM)"
echo "files $(find "/proc/$pid/fd" -mindepth 1 | wc -l)"
echo "files_soft $(sed -n 's/^Max open files *\([0-9a-z]*\).*/\1/p' "/proc/$pid/limits")"

# System calls are counted after that: counting costs.
trigger=/sys/kernel/tracing/events/raw_syscalls/sys_enter
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing 2> /dev/null || true
if echo 'hist:keys=common_pid:size=4096' > "$trigger/trigger" 2> /dev/null; then
    began=$(now)
    sleep 5
    ended=$(now)
    threads=$(ls "/proc/$pid/task")
    sed -n 's/^{ common_pid: *\([0-9]*\) } hitcount: *\([0-9]*\)$/\1 \2/p' "$trigger/hist" > /run/calls
    echo '!hist:keys=common_pid:size=4096' > "$trigger/trigger"
    echo "calls $(threads=$threads python3 -c "
import os
threads = os.environ['threads'].split()
print(sum(int(count) for thread, count in map(str.split, open('/run/calls')) if thread in threads) / ($ended - $began))")"
fi
systemctl stop oomtrace.service
# Who samples nothing is cheap.
watched=$(python3 -c "print($(now) - $watched)")
echo "samples $(python3 -c "print($(oomtrace replay -o json /var/lib/oomtrace 2> /dev/null | grep -c '"event":"sample"') / $watched)")"
journalctl -q -u oomtrace.service _TRANSPORT=stdout -o cat | head -5 >&2

# The others take rounds: what a round costs is the difference of a run with more and one with few.
cost() {
    local unit=$1-$2
    systemd-run --quiet --unit "$unit" -p RemainAfterExit=yes -p LimitNOFILE=524288 -p StandardOutput=null "${@:3}"
    has_ended() { ! read -r _ 2> /dev/null < "/sys/fs/cgroup/system.slice/$unit.service/cgroup.procs"; }
    until_true has_ended
    while [ "$(systemctl show -P SubState "$unit")" = running ]; do sleep 0.5; done
    systemctl show -P CPUUsageNSec "$unit"
    systemctl stop "$unit" 2> /dev/null || systemctl reset-failed "$unit"
}
few=2 many=8
one_round() { python3 -c "print(($2 - $1) / 1000 / ($many - $few))"; }
echo "plain $(one_round "$(cost plain $few /share/plain $few)" "$(cost plain $many /share/plain $many)")"
cgtop=(systemd-cgtop --batch --depth=10 --delay=1)
echo "cgtop $(one_round "$(cost cgtop $few "${cgtop[@]}" -n $few)" "$(cost cgtop $many "${cgtop[@]}" -n $many)")"
