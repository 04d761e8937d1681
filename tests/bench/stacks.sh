#!/bin/bash
# A unit of $1 GiB from two places, 70 to 30, followed from before it grows. Prints what it holds and what the follower takes.
set -eu
systemd-run -q --unit big -p MemorySwapMax=0 python3 -X perf -c '
import sys, time
def seventy():
    return bytearray(7 << 20)
def thirty():
    return bytearray(3 << 20)
time.sleep(10)
kept = []
for _ in range(int(sys.argv[1]) * 1024 // 10):
    kept.append(seventy())
    kept.append(thirty())
open("/run/grown", "w").close()
time.sleep(3600)' "$1"
oomtrace stacks --cgroup /system.slice/big.service --for 30min --every 20s --max-memory 16M --output json > /run/stacks.jsonl &
follower=$!
python3 /share/followers.py /run/followers &
watcher=$!
until [ -e /run/grown ]; do
    sleep 5
    echo "$(($(cat /sys/fs/cgroup/system.slice/big.service/memory.current) >> 20)) MiB"
done
# Once more after that.
told=$(wc -l < /run/stacks.jsonl)
until [ "$(wc -l < /run/stacks.jsonl)" -gt "$((told + 1))" ]; do sleep 1; done
kill "$watcher"
wait "$watcher"
kill -INT "$follower"
wait "$follower"
python3 /share/stacks.py "$1" /run/stacks.jsonl /run/followers
