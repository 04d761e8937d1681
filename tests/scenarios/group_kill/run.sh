systemd-run --unit group -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=kill bash -c '
    echo $$ > "$0.sh"; sleep 600 & echo $! > "$0.s1"; sleep 600 & echo $! > "$0.s2"; python3 /share/leak.py "$0.leak" 1 0.1' "$OUT/pid"
until_true ended group.service
for who in sh s1 s2 leak; do echo "$who=$(cat "$OUT/pid.$who")"; done >> "$OUT/truth"
