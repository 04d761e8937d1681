systemd-run --unit own -p MemoryMax=64M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 1 0.1
until_true ended own.service
{ echo "PID=$(cat "$OUT/pid")"; systemctl show own -p InvocationID; } >> "$OUT/truth"
