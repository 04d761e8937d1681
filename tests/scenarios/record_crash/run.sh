# Three units are recorded, one leaks to its kill, and the recorder is killed midway. $HOLD: for how long at least, in seconds.
dir=/var/lib/oomtrace
rm -rf "$dir"
has() { [ "$(grep -c "$2" "$OUT/live$1.jsonl")" -ge "$3" ]; }
record() {
    oomtrace record -o json -u 'rc-*' > "$OUT/live$1.jsonl" 2>> "$OUT/recorder" &
    recorder=$!
    until_true has "$1" '"event":"start"' 1
}
held() { [ "$SECONDS" -ge "$1" ]; }
record 1
systemd-run --unit rc-steady python3 -c 'import time; kept = bytearray(8 << 20); time.sleep(3600)'
systemd-run --unit rc-saw python3 -c 'import time
while True:
    kept = [bytearray(1 << 20) for _ in range(20)]; time.sleep(1)
    kept = None; time.sleep(1)'
systemd-run --unit rc-leak -p MemoryMax=64M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 1 "$(python3 -c "print(max(0.4, ${HOLD:-0} / 55))")"
until_true has 1 '"unit":"rc-leak.service"' 8
while ! held $((${HOLD:-0} / 2)); do sleep 1; done
kill -KILL "$recorder"
wait "$recorder"
record 2
oomtrace record > "$OUT/refused" 2>&1
echo "REFUSED=$(grep -c "recorded into already, by pid $recorder;" "$OUT/refused")" >> "$OUT/truth"
while ! held "${HOLD:-0}"; do sleep 1; done
until_true has 2 '"event":"kill"' 1
until_true ended rc-leak.service
systemctl stop rc-steady rc-saw
kill -TERM "$recorder"
wait "$recorder"
echo "STATUS=$?" >> "$OUT/truth"
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
oomtrace replay -o json "$dir" > "$OUT/replayed-folder.jsonl" 2> "$OUT/replay-stderr"
echo "REPLAY=$?" >> "$OUT/truth"
python3 "$DIR/compare.py" "$OUT"/live1.jsonl "$OUT"/live2.jsonl "$OUT"/replayed-folder.jsonl >> "$OUT/truth"
journalctl --sync
told() { grep -c -e 'own MemoryMax=64.0M was reached' -e "victim *python3.$(cat "$OUT/pid")" "$OUT/why-$1"; }
oomtrace why rc-leak > "$OUT/why-capture"
echo "FROM_CAPTURE=$(told capture)" >> "$OUT/truth"
oomtrace report "$dir" --html "$OUT/report.html"
rm -rf "$dir"
oomtrace why rc-leak > "$OUT/why-journal"
echo "FROM_JOURNAL=$(told journal)" >> "$OUT/truth"
