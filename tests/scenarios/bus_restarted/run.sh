# The bus ends and comes back under it: what is asked of systemd afterwards is answered again.
systemctl kill --signal=KILL dbus.service
until_true grep -q "systemd answers" "$OUT/stderr"
systemd-run --unit after -p MemoryMax=48M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 2 0.05
until_true ended after.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
until_true grep -q '"result":"oom-kill"' "$OUT/events.jsonl"
