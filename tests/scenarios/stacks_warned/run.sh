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
python3 "$DIR/followers.py" "$OUT/followers" &
followers=$!
systemd-run --unit leaking -p MemoryMax=136M -p MemorySwapMax=0 -p OOMPolicy=continue sites 0 leak
# It lives for two minutes, and is warned of before half of that is over.
is_followed() { pgrep -f "oomtrace stacks --cgroup /system.slice/$1.service" > "/run/$1"; }
until_true is_followed leaking
# Its warning comes while the first unit is followed: it waits for that one's end, and outlives it.
systemd-run --unit dumped -p MemoryMax=128M -p MemorySwapMax=0 -p OOMPolicy=continue python3 "$DIR/dump.py" "$OUT/dump"
until_true ended leaking.service
until_true is_followed dumped
stacks() { oomtrace replay -o json "$OUT/captures" 2> /dev/null | grep '"event":"\(stacks\|kill\)"' | grep leaking.service > "$OUT/stacks.jsonl"; }
is_told() { stacks; tail -n 1 "$OUT/stacks.jsonl" | grep -q '"event":"stacks"'; }
until_true is_told
until_true ended dumped.service
has_next() { oomtrace replay -o json "$OUT/captures" 2> /dev/null | grep '"event":"stacks"' | grep -q dumped.service; }
until_true has_next && echo "NEXT=yes" >> "$OUT/truth"
is_over() { ! pgrep -f 'oomtrace stacks --cgroup'; }
until_true is_over
kill "$followers"
wait "$followers"
python3 "$DIR/check.py" "$OUT/stacks.jsonl" "$OUT/followers" >> "$OUT/truth"
oomtrace why leaking --dir "$OUT/captures" > "$OUT/why"
oomtrace report "$OUT/captures" --html "$OUT/report.html"
{
    echo "WHY=$(grep -c '^ *code .*site_seventy ← ' "$OUT/why")"
    echo "REPORT=$(grep -c '<dt>code</dt>.*site_seventy' "$OUT/report.html")"
    echo "DUMPED=$(grep -c 'in grow' "$OUT/dump")"
    echo "WAITED=$(grep -c 'fills /system.slice/dumped.service is followed later' "$OUT/recorder.err")"
    echo "ENDED=$(pgrep -fc 'oomtrace stacks --cgroup')"
} >> "$OUT/truth"
systemctl stop recorder.service
