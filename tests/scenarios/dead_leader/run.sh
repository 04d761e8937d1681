systemd-run --unit headless -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue python3 "$DIR/headless.py" "$OUT/pid" "$OUT/tid"
until_true ended headless.service
{ echo "PID=$(cat "$OUT/pid")"; echo "TID=$(cat "$OUT/tid")"; } >> "$OUT/truth"
