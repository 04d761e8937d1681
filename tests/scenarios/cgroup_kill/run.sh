systemd-run --unit written python3 /share/leak.py "$OUT/pid" 1 600
until_true test -s "$OUT/pid"
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
echo "WRITER=$BASHPID" >> "$OUT/truth"
echo 1 > /sys/fs/cgroup/system.slice/written.service/cgroup.kill
until_true ended written.service
