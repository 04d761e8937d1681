systemd-run --unit node -p AllowedMemoryNodes=1 -p OOMScoreAdjust=900 python3 /share/leak.py "$OUT/pid" 16 0.05
until_true ended node.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
