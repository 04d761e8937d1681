# Explained after the fact, from nothing but what journald kept, and where it kept nothing from the kernel's log.
systemd-run --unit asked -p MemoryMax=64M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 16 0.05
until_true ended asked.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
systemd-run --unit exits sh -c 'exit 3'
until_true ended exits.service
# PID 1 tells of the end before it writes it.
sleep 1
journalctl --sync
oomtrace why asked > "$OUT/asked"
oomtrace why exits > "$OUT/exits"
unshare --mount sh -c 'for dir in /var/log/journal /run/log/journal; do
    [ ! -d "$dir" ] || mount -t tmpfs none "$dir"
done
oomtrace why asked' > "$OUT/no_journal"
{
    echo "LIMIT=$(grep -c 'own MemoryMax=64.0M was reached' "$OUT/asked")"
    echo "VICTIM=$(grep -c "victim *python3.$(cat "$OUT/pid")" "$OUT/asked")"
    echo "NO_JOURNAL=$(grep -c 'own MemoryMax=64.0M was reached' "$OUT/no_journal")"
    echo "ITS_SOURCE=$(grep -c "Source: the kernel log" "$OUT/no_journal")"
    echo "OTHER=$(grep -c 'not for memory: its main process exited with status 3' "$OUT/exits")"
} >> "$OUT/truth"
