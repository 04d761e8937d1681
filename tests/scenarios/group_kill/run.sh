systemd-run --unit group -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=kill bash "$DIR/group.sh" "$OUT/pid"
until_true ended group.service
for who in sh s1 s2 leak; do echo "$who=$(cat "$OUT/pid.$who")"; done >> "$OUT/truth"
