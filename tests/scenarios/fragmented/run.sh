# There is memory, but no piece of it is larger than a page or two.
# What waits here is not to be chosen.
echo -900 > /proc/self/oom_score_adj
sysctl -q vm.max_map_count=1000000 kernel.threads-max=60000 kernel.pid_max=100000
systemd-run --unit pieces -p OOMScoreAdjust=900 python3 "$DIR/pieces.py" "$OUT/pid"
until_true test -s "$OUT/pid"
free -k
cat /proc/buddyinfo /proc/pagetypeinfo
systemd-run --unit threads -p OOMScoreAdjust=-900 -p TasksMax=infinity python3 "$DIR/threads.py"
until_true ended pieces.service
cat /proc/buddyinfo
systemctl stop threads
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
