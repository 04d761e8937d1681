systemd-run --scope --unit transient -p MemoryMax=64M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 4 0.05
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
