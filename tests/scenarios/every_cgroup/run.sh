# Cgroups whose every counter has a value that is not its first one.
. /share/swap.sh
swap_on 64
hold='import os, sys, time
kept = bytearray(os.urandom(1 << 20) * int(sys.argv[2]))
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)'
# Held at memory.high: its high counter, and its swap.
systemd-run --unit walked-high -p MemoryLow=8M -p MemoryHigh=16M -p MemoryMax=64M -p MemorySwapMax=48M \
    python3 -c "$hold" "$OUT/high" 20
systemd-run --unit walked-low --slice walked-inner.slice -p MemoryLow=4M -p MemorySwapMax=0 python3 -c "$hold" "$OUT/low" 8
# Killed within a cgroup that stays: its counters, and only the subtree's in the parent.
systemd-run --unit walked-killed --slice walked-inner.slice -p MemoryMax=24M -p MemorySwapMax=0 -p OOMPolicy=continue \
    bash -c 'python3 /share/leak.py '"$OUT"'/killed 1 0.1; sleep 600'
has_killed() { grep -q '^oom_kill [1-9]' /sys/fs/cgroup/walked.slice/walked-inner.slice/walked-killed.service/memory.events; }
held() { [ -s "$OUT/high" ] && [ -s "$OUT/low" ]; }
until_true held
until_true has_killed
# One with no memory controller of its own, and one that has gone but is remembered.
mkdir -p /sys/fs/cgroup/walked-without/below
rmdir /sys/fs/cgroup/walked-without/below
walk check > "$OUT/differences" 2>&1
echo "STATUS=$?" >> "$OUT/truth"
sed -n 's/^cgroups=.* wrong=\([0-9]*\)$/WRONG=\1/p' "$OUT/differences" >> "$OUT/truth"
cat "$OUT/differences"
systemctl stop walked-high walked-low walked-killed
rmdir /sys/fs/cgroup/walked-without
swap_off
