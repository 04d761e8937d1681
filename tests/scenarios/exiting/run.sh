systemd-run --unit ending -p MemoryMax=96M -p MemorySwapMax=0 -p OOMPolicy=continue python3 "$DIR/ending.py" "$OUT/pid" "$OUT/trigger" "$OUT/grown"
until_true test -s "$OUT/grown"
{ echo "PID=$(cat "$OUT/pid")"; echo "TRIGGER=$(cat "$OUT/trigger")"; } >> "$OUT/truth"
systemctl stop ending.service
