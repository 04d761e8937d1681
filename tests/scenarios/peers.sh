#!/bin/bash
# Runs scenarios as guest.sh does, while the tools that oomtrace is compared with watch the same kills.
# Arguments: the scenarios' names. What a tool wrote during a scenario goes to /out/full/SCENARIO/peers/TOOL, what it wrote
# before the first to /out/peers/TOOL.
set -u
tools="bpftrace bcc libbpf kmsg"
mkdir -p /run/peers /out/peers
# A tool of its own, started with what follows. No kill is meant for it.
watch() {
    local tool=$1; shift
    (echo -1000 > /proc/self/oom_score_adj; exec "$@") > "/run/peers/$tool" 2>&1 < /dev/null &
}
watch bpftrace bpftrace -B line /usr/sbin/oomkill.bt
watch bcc python3 -u /usr/sbin/oomkill-bpfcc
watch libbpf stdbuf -oL /usr/sbin/oomkill
# Read as cadvisor and node-problem-detector do, record by record; they too go on where records were overwritten.
watch kmsg python3 -c '
import os
kmsg = os.open("/dev/kmsg", os.O_RDONLY)
os.write(1, b"Tracing\n")
while True:
    try:
        os.write(1, os.read(kmsg, 8192))
    except BrokenPipeError:
        pass'
ready() { local tool; for tool in $tools; do grep -q ^Tracing "/run/peers/$tool" || return 1; done; }
for _ in {1..120}; do ready && break; sleep 1; done
# One that does not start says why, and is not waited for again.
for tool in $tools; do cp "/run/peers/$tool" "/out/peers/$tool"; done

declare -A had
for name in "$@"; do
    for tool in $tools; do had[$tool]=$(stat -c %s "/run/peers/$tool"); done
    cursor=$(journalctl --sync; journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
    bash /share/guest.sh "full/$name"
    # A moment for whoever learns of it late.
    sleep 3
    mkdir -p "/out/full/$name/peers"
    for tool in $tools; do tail -c "+$((had[$tool] + 1))" "/run/peers/$tool" > "/out/full/$name/peers/$tool"; done
    journalctl --sync
    journalctl --after-cursor "$cursor" --output json > "/out/full/$name/peers/journal"
done
