# Units whose limits cannot work as they are meant, and one whose can.
systemctl set-property --runtime narrow.slice MemoryMax=64M
systemd-run --unit above --slice narrow.slice -p MemoryMax=128M sleep 600
systemd-run --unit within --slice narrow.slice -p MemoryMax=32M sleep 600
systemd-run --unit slowed -p MemoryHigh=256M sleep 600
oomtrace doctor -o json > "$OUT/root.json"; echo $? > "$OUT/root.status"
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
# nobody may read no log and load no program.
sysctl -q kernel.dmesg_restrict=1
as_nobody oomtrace doctor -o json > "$OUT/nobody.json"; echo $? > "$OUT/nobody.status"
# Some kernels let everyone list the tracing files (6.18 does).
as_nobody ls /sys/kernel/tracing/events/oom > /dev/null 2>&1; echo $? > "$OUT/nobody.tracing"
echo "WRONG=$(python3 "$DIR/compare.py")" >> "$OUT/truth"
systemctl stop above.service within.service slowed.service narrow.slice
