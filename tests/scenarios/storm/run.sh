# A hundred units, each killed ten times at its own limit, as fast as the machine can.
before=$(awk '$1 == "oom_kill" { print $2 }' /proc/vmstat)
mkdir -p "$OUT/storm"
cat > /run/systemd/system/storm@.service <<U
[Service]
Type=exec
ExecStart=bash /share/storm/unit.sh $OUT/storm/%i
# The shell is no victim: what it starts asks to be one.
OOMScoreAdjust=-1000
MemoryMax=8M
MemorySwapMax=0
OOMPolicy=continue
U
systemctl daemon-reload
# An emulated serial line is slower than any storm.
dmesg --console-off
# They wait for this lock, so that all of them are killed at once.
exec 9> "$OUT/storm/go"
flock 9
systemctl start storm@{1..100}.service
since=$(date +%s)
flock --unlock 9
all_done() { [ "$(cat "$OUT"/storm/*.done 2> /dev/null | wc -l)" = 100 ]; }
until_true --minutes 20 all_done
dmesg --console-on
{
    echo "SECONDS=$(($(date +%s) - since))"
    echo "COUNTED=$(($(awk '$1 == "oom_kill" { print $2 }' /proc/vmstat) - before))"
    # Units for which the kernel counted anything but ten.
    echo "ODD=$(cat "$OUT"/storm/*.done | grep -vc '^10$')"
} >> "$OUT/truth"
# Who asked is the program mostly, and its unit's shell where that wrote its pid down at that moment.
for unit in {1..100}; do
    while read -r pid; do
        echo '{"event": "kill", "unit": "storm@'"$unit"'.service", "origin": "memcg_limit", "confidence": "observed",' \
            '"victim": {"pid": '"$pid"', "comm": "tail"}, "trigger": {"unit": "storm@'"$unit"'.service"}, "leader_pid": null,' \
            '"limit": {"cgroup": "/system.slice/system-storm.slice/storm@'"$unit"'.service", "relation": "own", "bytes": 8388608}}'
    done < "$OUT/storm/$unit.pids"
done > "$OUT/expected.jsonl"
systemctl stop 'storm@*.service'
