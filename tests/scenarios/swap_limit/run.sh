. /share/swap.sh
swap_on 128
systemd-run --unit swapper -p MemoryMax=64M -p MemorySwapMax=32M -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 4 0.05
until_true ended swapper.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
swap_off
