# Not zeros: the kernel frees pages of these instead of swapping them (from 6.12 on, the shrinker of underused huge pages).
# A unit holds more than its limit, the rest in swap; then an administrator takes the swap away from elsewhere. What comes back is
# charged to the unit, and whoever triggers the kill wrote no limit.
. /share/swap.sh
swap_on 128
systemd-run --unit swapped -p MemoryMax=48M python3 -c '
import os, sys, time
kept = b"x" * (80 << 20)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$OUT/pid"
until_true test -s "$OUT/pid"
bash -c 'echo $$ > "$0"; exec swapoff /var/swapfile' "$OUT/swapoff"
until_true ended swapped.service
# It may have given up at the kill; the scenarios that follow are without swap.
until_true bash -c '! grep -q swapfile /proc/swaps || swapoff /var/swapfile'
rm /var/swapfile
{ echo "PID=$(cat "$OUT/pid")"; echo "SWAPOFF=$(cat "$OUT/swapoff")"; systemctl show swapped -p InvocationID; } >> "$OUT/truth"
