. /share/swap.sh
swap_on 128
. /share/oomd.sh
oomd_on SwapUsedLimit=10%
systemctl set-property --runtime swapping.slice ManagedOOMSwap=kill
# Held at its MemoryHigh=, what it grows by goes to swap; it stops growing well below both limits.
systemd-run --unit swapped-out --slice swapping.slice -p MemoryHigh=32M python3 -c '
import os, sys, time
kept = bytearray(os.urandom(1 << 20) * 96)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$OUT/pid"
until_true --minutes 6 ended swapped-out.service
echo "PID=$(systemctl show -P ExecMainPID swapped-out.service)" >> "$OUT/truth"
oomd_off
swap_off
