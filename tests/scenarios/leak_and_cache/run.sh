# A file larger than the reader's limit, none of it in memory yet.
dd if=/dev/zero of=/var/large bs=1M count=160 status=none
sync
echo 3 > /proc/sys/vm/drop_caches
systemd-run --unit reader -p MemoryMax=64M -p MemorySwapMax=0 python3 "$DIR/read.py" /var/large
systemd-run --unit leak -p MemoryMax=128M -p MemorySwapMax=0 -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 1 2
systemctl show leak -p InvocationID >> "$OUT/truth"
# It lives for four minutes, well over what a start takes at most.
until_true --minutes 12 ended leak.service
{
    echo "PID=$(cat "$OUT/pid")"
    python3 "$DIR/warned.py" "$OUT/events.jsonl"
} >> "$OUT/truth"
systemctl stop reader
rm /var/large
