systemctl set-property --runtime tight.slice MemoryMax=64M MemorySwapMax=0
systemd-run --unit inslice --slice tight.slice python3 /share/leak.py "$OUT/pid" 1 0.1
until_true ended inslice.service
{ echo "PID=$(cat "$OUT/pid")"; systemctl show inslice -p InvocationID; } >> "$OUT/truth"
