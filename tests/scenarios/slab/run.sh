systemd-run --unit slabs -p MemoryMax=48M -p MemorySwapMax=0 -p LimitNOFILE=500000 -p OOMPolicy=continue python3 "$DIR/sockets.py" "$OUT/pid"
until_true ended slabs.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
