# A file on a tmpfs is charged like memory and outlives who wrote it.
mount -t tmpfs none /mnt
systemd-run --unit shm -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue bash -c "
exec python3 \"$DIR/fill.py\" \"$OUT/pid\" /mnt/file"
until_true ended shm.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
umount /mnt
