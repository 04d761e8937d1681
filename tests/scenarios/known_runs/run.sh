# A leak that is killed, and another oomtrace that sees its next run.
watch() {
    oomtrace -u kr.service -o json --runs "$OUT/runs" > "$OUT/$1.jsonl" 2> "$OUT/$1.stderr" &
    until_true grep -q '"event":"start"' "$OUT/$1.jsonl"
}
live() {
    systemd-run --unit kr -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 1 1.4 from-start
    local invocation
    invocation=$(systemctl show kr -P InvocationID)
    until_true --minutes 4 ended kr.service
    echo "PID$1=$(cat "$OUT/pid")" >> "$OUT/truth"
    echo "INVOCATION$1=$invocation" >> "$OUT/truth"
    systemctl reset-failed kr
}
stop() {
    sleep 3
    kill -TERM "$!"
    wait "$!"
}
watch first
live 1
stop
watch second
live 2
stop
python3 "$DIR/known.py" "$OUT/first.jsonl" "$OUT/second.jsonl" >> "$OUT/truth"
