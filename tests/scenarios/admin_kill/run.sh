systemd-run --unit innocent -p MemoryMax=64M sleep 600
systemctl kill -s KILL innocent.service
until_true ended innocent.service
until_true grep -q '"state":"failed"' "$OUT/events.jsonl"
