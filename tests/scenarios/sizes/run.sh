# What a process holds is known to the page, from itself, and its limit is set below that: nothing of it can be given back.
systemd-run --unit sized -p MemoryMax=128M -p MemorySwapMax=0 python3 "$DIR/hold.py" "$OUT/held"
until_true test -s "$OUT/held"
# That it was sampled with all of it.
sampled() { python3 "$DIR/check.py" sample "$OUT" > "$OUT/sampled" && grep -qx nothing "$OUT/sampled"; }
cat /sys/fs/cgroup/system.slice/sized.service/memory.current > "$OUT/current"
until_true sampled
echo "SAMPLE=$(cat "$OUT/sampled")" >> "$OUT/truth"
# By who waits for it, which newer systemds do not (scenario limit_lowered).
echo 32M > /sys/fs/cgroup/system.slice/sized.service/memory.max
until_true ended sized.service
until_true has_kills 1
echo "PID=$(sed -n 's/^Pid:\s*//p' "$OUT/held")" >> "$OUT/truth"
echo "KILL=$(python3 "$DIR/check.py" kill "$OUT")" >> "$OUT/truth"
