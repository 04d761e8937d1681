systemd-run --unit bound -p NUMAPolicy=bind -p NUMAMask=1 -p OOMScoreAdjust=900 python3 /share/leak.py "$OUT/pid" 16 0.05
until_true ended bound.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
