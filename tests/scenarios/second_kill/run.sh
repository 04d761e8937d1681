# The first victim cannot end: who traces it has it stopped on its way out. Once the kernel's reaper has taken what it can, which
# no shared memory is, the key kills another.
reaped() { dmesg | grep -q "oom_reaper: reaped process $(cat "$OUT/first")"; }
export -f reaped
systemd-run --unit first -p OOMScoreAdjust=1000 python3 "$DIR/shared.py" "$OUT/first"
systemd-run --unit second -p OOMScoreAdjust=900 python3 /share/leak.py "$OUT/pid" 16 600
until_true test -s "$OUT/first"
until_true test -s "$OUT/pid"
python3 "$DIR/hold.py" "$(cat "$OUT/first")" "$OUT/seized" &
tracer=$!
until_true test -s "$OUT/seized"
echo 1 > /proc/sys/kernel/sysrq
echo f > /proc/sysrq-trigger
until_true has_kills 1
until_true reaped
echo f > /proc/sysrq-trigger
until_true has_kills 2
kill "$tracer"
until_true ended first.service
until_true ended second.service
{ echo "FIRST=$(cat "$OUT/first")"; echo "FIRST_STAT=/proc/$(cat "$OUT/first")/stat"; echo "PID=$(cat "$OUT/pid")"; } >> "$OUT/truth"
