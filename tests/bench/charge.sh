#!/bin/bash
# What a page fault in a limited unit costs, without and with oomtrace: the watch, or with `stacks` as second argument pages that are
# followed. With `peers` it is a page that a program asks malloc for and touches, beside others that tell who took it. Prints
# `CASE STATE NANOSECONDS` lines; under `--icount` a nanosecond of the guest is an instruction.
set -eu
rounds=${1:-3} what=${2:-watch} one_in=${3:-}
measure() {
    for _ in $(seq "$rounds"); do
        # A unit that is new is followed within a second.
        echo "room $1 $(systemd-run --quiet --pipe --wait -p MemoryMax=200M bash -c 'sleep 2; exec /share/faults 45000')"
        echo "limit $1 $(systemd-run --quiet --pipe --wait -p MemoryMax=48M -p MemorySwapMax=0 bash -c 'sleep 2; exec /share/faults 8000 64')"
    done
}
follow() {
    oomtrace stacks --slice system -o json --for 1h ${one_in:+--one-in "$one_in"} > /run/events.jsonl 2> /run/stderr &
    observer=$!
    # Its programs are attached when it has asked for the links.
    until [ "$(ls -l "/proc/$observer/fd" | grep -cE 'bpf_link|raw_tracepoint')" -ge 2 ]; do sleep 0.5; done
}
if [ "$what" = peers ]; then
    # Arguments: what is at work, and the commands that start and end it: some follow one process, which waits for them.
    each() {
        for _ in $(seq "$rounds"); do
            rm -f /run/go /run/pid
            systemd-run --quiet --pipe --wait -p MemoryMax=200M bash -c \
                'echo $$$$ > /run/pid; until [ -e /run/go ]; do sleep 0.5; done; exec /share/faults 20000 0 malloc' > /run/took &
            unit=$!
            until [ -s /run/pid ]; do sleep 0.5; done
            $2
            touch /run/go
            wait "$unit"
            $3
            echo "malloc $1 $(cat /run/took)"
        done
    }
    nothing() { sleep 2; }
    trace() {
        bpftrace -e "software:page-faults:$1 { @[ustack, comm] = count(); }" > /run/bpftrace 2> /run/bpftrace.err &
        tool=$!
        until grep -q Attaching /run/bpftrace; do kill -0 "$tool"; sleep 0.5; done
        sleep 5
    }
    end() { kill -TERM "$tool"; wait "$tool" || true; }
    leaks() {
        PYTHONUNBUFFERED=1 memleak-bpfcc -p "$(cat /run/pid)" -s "$1" 1 > /run/memleak 2> /run/memleak.err &
        tool=$!
        # It looks for what is outstanding once it follows all functions.
        until grep -q outstanding /run/memleak; do kill -0 "$tool"; sleep 0.5; done
    }
    each warm-up nothing nothing > /run/warm-up
    each off nothing nothing
    follow
    each oomtrace nothing nothing
    kill -TERM "$observer"
    wait "$observer"
    each bpftrace:1 "trace 1" end
    each bpftrace:256 "trace 256" end
    each memleak:1 "leaks 1" end
    each memleak:256 "leaks 256" end
    exit
fi
# A fault becomes cheaper in the first runs after the boot, oomtrace or not.
measure warm-up > /run/warm-up
measure off
if [ "$what" = stacks ]; then
    follow
else
    oomtrace -o json > /run/events.jsonl 2> /run/stderr &
    observer=$!
    until grep -q '"event":"start"' /run/events.jsonl; do sleep 0.2; done
    grep -m 1 '"event":"start"' /run/events.jsonl | jq -r '.probes[] | "probe \(.name) \(.via)"'
fi
measure oomtrace
kill -TERM "$observer"
wait "$observer"
measure off
