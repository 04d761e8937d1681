# Someone writes memory.max below what is used: who writes triggers the kill, and asked for no memory. Not by 'systemctl set-property':
# newer systemds write without waiting (O_NONBLOCK, from Linux 6.16 on), and then nobody is killed before the unit asks for more.
systemd-run --unit lowered python3 -c '
import os, sys, time
kept = bytearray(60 << 20)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$OUT/pid"
until_true test -s "$OUT/pid"
systemctl set-property --runtime lowered.service MemorySwapMax=0
bash -c 'echo $$ > "$0"; echo 32M > /sys/fs/cgroup/system.slice/lowered.service/memory.max' "$OUT/writer"
until_true ended lowered.service
{ echo "PID=$(cat "$OUT/pid")"; echo "WRITER=$(cat "$OUT/writer")"; systemctl show lowered -p InvocationID; } >> "$OUT/truth"
