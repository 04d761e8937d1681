# A scope, not a service with OOMPolicy=kill: there PID 1 races the kernel for the last members (seen on 6.1).
systemd-run --scope --unit group -p MemoryMax=64M -p MemorySwapMax=0 bash "$DIR/group.sh" "$OUT/pid"
for who in sh s1 s2 leak; do echo "$who=$(cat "$OUT/pid.$who")"; done >> "$OUT/truth"
