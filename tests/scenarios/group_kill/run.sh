# A scope that PID 1 leaves alone: with OOMPolicy=stop or kill it races the kernel for the last members.
systemd-run --scope --unit group -p OOMPolicy=continue -p MemoryMax=64M -p MemorySwapMax=0 bash "$DIR/group.sh" "$OUT/pid"
for who in sh s1 s2 leak; do echo "$who=$(cat "$OUT/pid.$who")"; done >> "$OUT/truth"
