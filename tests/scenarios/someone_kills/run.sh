# A person who kills what fills its unit, at once, before it was sampled full; and one who kills what does not.
systemd-run --unit nearly -p MemoryMax=64M -p MemorySwapMax=0 python3 -c '
import os, sys, time
kept = bytearray(57 << 20)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$OUT/full"
systemd-run --unit roomy -p MemoryMax=512M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/roomy" 1 600
until_true test -s "$OUT/full"
until_true test -s "$OUT/roomy"
kill -KILL "$(cat "$OUT/roomy")"
kill -KILL "$(cat "$OUT/full")"
until_true ended nearly.service
until_true ended roomy.service
echo "PID=$(cat "$OUT/full")" >> "$OUT/truth"
