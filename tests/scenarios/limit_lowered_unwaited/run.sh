# 'systemctl set-property' below what is used. A newer systemd does not wait (O_NONBLOCK, from Linux 6.16 on): nobody is killed before
# the unit asks for more. Older kernels reclaim and kill within the write, and the unit is not asked any more.
systemd-run --unit unwaited -p MemorySwapMax=0 python3 -c '
import os, signal, sys, time
kept = [bytearray(60 << 20)]
signal.signal(signal.SIGUSR1, lambda *_: kept.append(bytearray(4 << 20)))
open(sys.argv[1], "w").write(str(os.getpid()))
while True:
    time.sleep(600)' "$OUT/pid"
until_true test -s "$OUT/pid"
pid=$(cat "$OUT/pid")
systemctl set-property --runtime unwaited.service MemoryMax=32M
sleep 3
kill -USR1 "$pid" || true
until_true ended unwaited.service
{ echo "PID=$pid"; systemctl show unwaited -p InvocationID; } >> "$OUT/truth"
