# A recorder whose reader of standard output stands still for a minute, in which units are killed.
dir=/run/stopped
rm -rf "$dir"
mkfifo "$OUT/pipe"
cat "$OUT/pipe" > "$OUT/live.jsonl" &
reader=$!
oomtrace record -o json --dir "$dir" --no-runs --interval 20ms > "$OUT/pipe" 2> "$OUT/recorder" &
recorder=$!
is_watching() { grep -q '"event":"sample"' "$OUT/live.jsonl"; }
until_true is_watching
# What must go on being sampled.
systemd-run --unit moving -p MemoryMax=64M python3 -c 'import mmap, time
# From malloc it would come back to the heap, and never to the system.
while True:
    kept = mmap.mmap(-1, 4 << 20)
    for page in range(0, 4 << 20, 4096): kept[page] = 1
    time.sleep(0.3); kept.close(); time.sleep(0.3)'
is_sampled() { [ "$(grep -c '"event":"sample".*"unit":"moving.service"' "$OUT/live.jsonl")" -ge 3 ]; }
until_true is_sampled
# One kill before, sixty while it stands still, one after.
kill_one() {
    systemd-run --quiet --wait --collect --unit "stopped-$1" -p MemoryMax=8M -p MemorySwapMax=0 -p Type=exec -p OOMPolicy=continue \
        bash "$DIR/unit.sh" "$OUT/pids"
}
kill_one before
kill -STOP "$reader"
stopped=$SECONDS
# By four at a time, over the minute: by the first of them the pipe is full.
for round in {1..15}; do
    for place in 1 2 3 4; do kill_one "$round-$place" & done
    while [ $((SECONDS - stopped)) -lt $((4 * round)) ]; do sleep 0.2; done
done
for job in $(jobs -p); do
    [ "$job" = "$reader" ] || [ "$job" = "$recorder" ] || wait "$job"
done
kill -CONT "$reader"
kill_one after
has_all() { [ "$(grep -c '"event":"kill"' "$OUT/live.jsonl")" -ge 62 ]; }
until_true has_all
kill -TERM "$recorder"
wait "$recorder"
echo "STATUS=$?" >> "$OUT/truth"
wait "$reader"
systemctl stop moving
rm "$OUT/pipe"
oomtrace replay -o json "$dir" > "$OUT/folder.jsonl" 2> "$OUT/replay.err"
echo "REPLAY=$?" >> "$OUT/truth"
rm -rf "$dir"
python3 "$DIR/whole.py" "$OUT" >> "$OUT/truth"
while read -r pid; do
    echo '{"event": "kill", "origin": "memcg_limit", "confidence": "observed", "victim": {"pid": '"$pid"', "comm": "tail"}, "limit": {"relation": "own", "bytes": 8388608}}'
done < "$OUT/pids" > "$OUT/expected.jsonl"
