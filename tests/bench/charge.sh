#!/bin/bash
# What a page fault in a limited unit costs, without and with oomtrace. Prints `CASE STATE NANOSECONDS` lines; under
# `--icount` a nanosecond of the guest is an instruction.
set -eu
rounds=${1:-3}
measure() {
    for _ in $(seq "$rounds"); do
        echo "room $1 $(systemd-run --quiet --pipe --wait -p MemoryMax=200M /share/faults 45000)"
        echo "limit $1 $(systemd-run --quiet --pipe --wait -p MemoryMax=48M -p MemorySwapMax=0 /share/faults 8000 64)"
    done
}
# A fault becomes cheaper in the first runs after the boot, oomtrace or not.
measure warm-up > /run/warm-up
measure off
oomtrace -o json > /run/events.jsonl 2> /run/stderr &
until grep -q '"event":"start"' /run/events.jsonl; do sleep 0.2; done
grep -m 1 '"event":"start"' /run/events.jsonl | jq -r '.probes[] | "probe \(.name) \(.via)"'
measure on
kill -TERM $!
wait $!
measure off
