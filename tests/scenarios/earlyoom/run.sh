# The real program, from the distribution. It looks at MemAvailable and sends SIGTERM first, SIGKILL where that is not enough.
systemd-run --unit early earlyoom -m 40,20 -s 100,100 -r 0 --prefer '^python3$'
systemd-run --unit hungry -p OOMScoreAdjust=500 python3 /share/leak.py "$OUT/pid" 16 0.2
until_true ended hungry.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
systemctl stop early.service
