# oomtrace stands still from before the unit starts until nothing is left of it, neither cgroup nor unit.
kill -STOP "$OOMTRACE"
systemd-run --collect --unit fleeting -p MemoryMax=48M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 4 0
gone() { [ "$(systemctl show -P LoadState fleeting.service)" = not-found ] && [ ! -e /sys/fs/cgroup/system.slice/fleeting.service ]; }
until_true test -s "$OUT/pid"
until_true gone
kill -CONT "$OOMTRACE"
{ echo "PID=$(cat "$OUT/pid")"; echo "COMMAND=/usr/bin/python3 /share/leak.py $OUT/pid 4 0"; } >> "$OUT/truth"
