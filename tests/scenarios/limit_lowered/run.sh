# PID 1 writes memory.max below what is used: it triggers the kill and asked for no memory.
systemd-run --unit lowered python3 -c '
import os, sys, time
kept = bytearray(60 << 20)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$OUT/pid"
until_true test -s "$OUT/pid"
systemctl set-property --runtime lowered.service MemorySwapMax=0
systemctl set-property --runtime lowered.service MemoryMax=32M
until_true ended lowered.service
{ echo "PID=$(cat "$OUT/pid")"; systemctl show lowered -p InvocationID; } >> "$OUT/truth"
