systemd-run --unit pressed -p OOMScoreAdjust=900 python3 /share/leak.py "$OUT/pid" 16 600
until_true test -s "$OUT/pid"
echo 1 > /proc/sys/kernel/sysrq
echo f > /proc/sysrq-trigger
until_true ended pressed.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
