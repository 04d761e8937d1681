# The recipe of docs/guide.md, for processes of one name.
cat > /run/dump << 'END'
#!/bin/sh
[ "$OOMTRACE_COMM" = python3 ] && kill -USR2 "$OOMTRACE_PID"
END
chmod +x /run/dump
systemd-run --unit recorder -p StandardError="file:$OUT/recorder.err" \
    oomtrace record --stacks --no-runs --dir "$OUT/captures" --exec-on-warning /run/dump
is_recording() { ls "$OUT/captures"/* > /dev/null 2>&1; }
until_true is_recording
systemd-run --unit leaking -p MemoryMax=136M -p MemorySwapMax=0 -p OOMPolicy=continue sites 0 leak
systemd-run --unit dumped -p MemoryMax=96M -p MemorySwapMax=0 -p OOMPolicy=continue python3 "$DIR/dump.py" "$OUT/dump"
# It lives for two minutes, and is warned of before half of that is over.
for _ in 1 2 3 4 5 6; do
    follower=$(pgrep -f 'oomtrace stacks --cgroup /system.slice/leaking.service')
    [ -z "$follower" ] || { grep -E '^(RssAnon|VmHWM)' "/proc/$follower/status" > "$OUT/memory.now" && mv "$OUT/memory.now" "$OUT/memory"; seen=$follower; }
    until_true ended leaking.service 2> /dev/null && break
done
echo "FOLLOWERS=$(echo "$seen" | wc -w)" >> "$OUT/truth"
stacks() { oomtrace replay -o json "$OUT/captures" 2> /dev/null | grep '"event":"\(stacks\|kill\)"' | grep leaking.service > "$OUT/stacks.jsonl"; }
is_told() { stacks; tail -n 1 "$OUT/stacks.jsonl" | grep -q '"event":"stacks"'; }
until_true is_told
python3 "$DIR/check.py" "$OUT/stacks.jsonl" "$OUT/memory" >> "$OUT/truth"
oomtrace why leaking --dir "$OUT/captures" > "$OUT/why"
oomtrace report "$OUT/captures" --html "$OUT/report.html"
{
    echo "WHY=$(grep -c '^ *code .*site_seventy ← ' "$OUT/why")"
    echo "REPORT=$(grep -c '<dt>code</dt>.*site_seventy' "$OUT/report.html")"
    echo "DUMPED=$(grep -c 'in grow' "$OUT/dump")"
    echo "ENDED=$(pgrep -fc 'oomtrace stacks --cgroup /system.slice/leaking.service')"
} >> "$OUT/truth"
systemctl stop recorder.service dumped.service
