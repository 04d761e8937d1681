# Who does not listen to SIGTERM gets SIGKILL a little later.
systemd-run --unit early earlyoom -m 50,40 -s 100,100 -r 0 --prefer '^python3$'
systemd-run --unit deaf -p OOMScoreAdjust=500 python3 -c '
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write(str(os.getpid()))
kept = []
while True:
    kept.append(bytearray(16 << 20))
    time.sleep(0.2)' "$OUT/pid"
until_true ended deaf.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
systemctl stop early.service
