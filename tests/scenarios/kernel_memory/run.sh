systemd-run --unit pipes -p MemoryMax=48M -p MemorySwapMax=0 -p LimitNOFILE=65536 -p OOMPolicy=continue python3 "$DIR/pipes.py" "$OUT/pid"
until_true ended pipes.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
