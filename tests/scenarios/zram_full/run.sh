# Swap in memory, as small distributions and Fedora have it.
echo ZRAM="$(cat /sys/block/zram0/disksize 2> /dev/null || echo none)" >> "$OUT/truth"
if [ -e /sys/block/zram0 ]; then
    echo 24M > /sys/block/zram0/disksize
    mkswap /dev/zram0 > /dev/null
    swapon /dev/zram0
fi
systemd-run --unit zipped -p MemoryMax=64M -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 4 0.05
until_true ended zipped.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
if [ -e /sys/block/zram0 ]; then
    swapoff /dev/zram0
    echo 1 > /sys/block/zram0/reset
fi
