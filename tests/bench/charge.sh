#!/bin/bash
# What a page fault in a limited unit costs, without and with oomtrace: the watch, or with `stacks` as second argument pages that are
# followed. Prints `CASE STATE NANOSECONDS` lines; under
# `--icount` a nanosecond of the guest is an instruction.
set -eu
rounds=${1:-3} what=${2:-watch} one_in=${3:-}
measure() {
    for _ in $(seq "$rounds"); do
        # A unit that is new is followed within a second.
        echo "room $1 $(systemd-run --quiet --pipe --wait -p MemoryMax=200M bash -c 'sleep 2; exec /share/faults 45000')"
        echo "limit $1 $(systemd-run --quiet --pipe --wait -p MemoryMax=48M -p MemorySwapMax=0 bash -c 'sleep 2; exec /share/faults 8000 64')"
    done
}
# A fault becomes cheaper in the first runs after the boot, oomtrace or not.
measure warm-up > /run/warm-up
measure off
if [ "$what" = stacks ]; then
    oomtrace stacks --slice system -o json --for 1h ${one_in:+--one-in "$one_in"} > /run/events.jsonl 2> /run/stderr &
    # Its programs are attached when it has asked for the links.
    until [ "$(ls -l "/proc/$!/fd" | grep -c bpf_link)" -ge 2 ] || [ "$(ls -l "/proc/$!/fd" | grep -c raw_tracepoint)" -ge 2 ]; do sleep 0.5; done
else
    oomtrace -o json > /run/events.jsonl 2> /run/stderr &
    until grep -q '"event":"start"' /run/events.jsonl; do sleep 0.2; done
    grep -m 1 '"event":"start"' /run/events.jsonl | jq -r '.probes[] | "probe \(.name) \(.via)"'
fi
measure on
kill -TERM $!
wait $!
measure off
