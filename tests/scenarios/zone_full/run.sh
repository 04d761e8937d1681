# Half of the memory takes movable pages only (movablecore=): what the kernel itself asks for, page tables here, runs out
# while that half is free.
systemd-run --unit tables -p OOMScoreAdjust=900 python3 "$DIR/page_tables.py" "$OUT/pid"
until_true ended tables.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
