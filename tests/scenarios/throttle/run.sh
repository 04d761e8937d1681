# Nothing to reclaim, no swap: memory.high brings it to a standstill, until somebody lifts it.
cat > "$OUT/grow.py" <<'P'
import sys, time
kept = []
for _ in range(64):
    kept.append(bytearray(b"x") * (1 << 20))
open(sys.argv[1], "w").write("grown")
time.sleep(600)
P
# As a service has it that is started first: its program's pages are its own, and reclaimed with the rest.
sync
echo 3 > /proc/sys/vm/drop_caches
systemd-run --unit slowed -p MemoryHigh=24M -p MemorySwapMax=0 python3 "$OUT/grow.py" "$OUT/grown"
told() { grep -q "\"event\":\"throttle\".*\"state\":\"$1\"" "$OUT/events.jsonl"; }
until_true told raised
systemctl set-property --runtime slowed.service MemoryHigh=infinity
until_true test -s "$OUT/grown"
until_true told cleared
systemctl stop slowed.service
