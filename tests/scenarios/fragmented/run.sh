# There is memory, but no piece of it is larger than a page or two.
sysctl -q vm.max_map_count=1000000 kernel.threads-max=60000 kernel.pid_max=100000
# Who watches is not to be chosen; but somebody must be left to choose, or the kernel panics.
echo -1000 | tee /proc/$PPID/oom_score_adj > /proc/self/oom_score_adj
for i in $(seq 20); do systemd-run -q --unit "spare$i" -p OOMScoreAdjust=700 sleep 600; done
systemd-run --unit pieces -p OOMScoreAdjust=900 python3 "$DIR/pieces.py" "$OUT/pid"
until_true test -s "$OUT/pid"
free -k
cat /proc/buddyinfo /proc/pagetypeinfo
systemd-run --unit threads -p OOMScoreAdjust=-900 -p TasksMax=infinity python3 "$DIR/threads.py"
until_true ended pieces.service
systemctl stop threads
cat /proc/buddyinfo
PID=$(cat "$OUT/pid")
echo "PID=$PID" >> "$OUT/truth"
# Page tables of some 350 MB come back slowly: until then the kernel goes on, with whoever is next. Of the first ten in five
# seconds it also says what was short.
journalctl -k -b -o cat | sed -n 's/^Out of memory: Killed process \([0-9]*\) .*/\1/p' | sed 1d | {
    number=1
    while read -r pid; do
        number=$((number + 1)) short=
        [ "$number" -le 10 ] && short=', "shortage": {"kind": "order", "order": 2}'
        echo "{\"event\": \"kill\", \"origin\": \"host\", \"limit\": null, \"victim\": {\"pid\": $pid}$short}"
    done
} > "$OUT/expected.jsonl"
systemctl stop 'spare*'
