systemd-run --unit again -p MemoryMax=48M -p MemorySwapMax=0 -p Restart=always -p RestartSec=100ms -p StartLimitIntervalSec=0 \
    bash "$DIR/again.sh" "$OUT/pids"
until_true grep -q . "$OUT/pids"
sixth() { [ "$(wc -l < "$OUT/pids")" -ge 6 ]; }
until_true sixth
systemctl stop again.service
for run in 1 2 3 4 5; do echo "PID$run=$(sed -n "${run}p" "$OUT/pids")"; done >> "$OUT/truth"
