. /share/swap.sh
swap_on 24
systemd-run --unit swapped -p MemoryMax=64M -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 4 0.05
until_true ended swapped.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
swap_off
