# A host of $CGROUPS cgroups of which $MOVING move, and one unit on it that leaks to its limit in four minutes, below a slice
# with a limit of its own. The service as it is shipped records beside the oomtrace of the guest, which has the same limit of
# open files: that of a plain program, 1,024.
cgroups=${CGROUPS:-1500} moving=${MOVING:-50}
rm -rf /var/lib/oomtrace
# In a slice of its own: no limit here holds it.
systemd-run --unit host --slice host.slice -p OOMScoreAdjust=-1000 -p TimeoutStopSec=300 python3 /share/host.py "$cgroups" "$moving" "$OUT/host"
is_ready() { grep -q ready "$OUT/host" 2> /dev/null; }
until_true --minutes 40 is_ready
systemctl start oomtrace.service
{
    echo "MADE=$(sed -n 's/^ready //p' "$OUT/host")"
    echo "FILES=$(ulimit -S -n)"
    echo "FILES_OF_SERVICE=$(systemctl show -P LimitNOFILESoft oomtrace.service)"
} >> "$OUT/truth"
mkdir -p /run/systemd/system
printf '[Slice]\nMemoryMax=512M\n' > /run/systemd/system/crowd.slice
systemctl daemon-reload
systemd-run --unit leak --slice crowd.slice -p MemoryMax=128M -p MemorySwapMax=0 -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 1 2
# It lives for four minutes, well over what a start takes at most.
until_true --minutes 16 ended leak.service
until_true has_kills 1
pid=$(cat "$OUT/pid")
open_files() { find "/proc/$1/fd" -mindepth 1 2> /dev/null | wc -l; }
service=$(systemctl show -P MainPID oomtrace.service)
{
    echo "PID=$pid"
    # Its own limit is far away.
    echo "MET_LIMIT=$(awk '$1 == "max" {print $2}' /sys/fs/cgroup/system.slice/oomtrace.service/memory.events)"
    echo "memory: $(cat /sys/fs/cgroup/system.slice/oomtrace.service/memory.peak)" >&2
    echo "open files: $(open_files "$OOMTRACE"), of the service $(open_files "$service")" >&2
} >> "$OUT/truth"
systemctl stop oomtrace.service
oomtrace replay -o json /var/lib/oomtrace > "$OUT/service.jsonl" 2> "$OUT/replay.err"
python3 /share/many_cgroups/seen.py "$OUT/events.jsonl" "$pid" PLAIN >> "$OUT/truth"
python3 /share/many_cgroups/seen.py "$OUT/service.jsonl" "$pid" SERVICE >> "$OUT/truth"
journalctl -u oomtrace.service > "$OUT/service.log"
systemctl stop host.service crowd.slice
# Another scenario finds a folder that is its own.
rm -rf /var/lib/oomtrace /run/systemd/system/crowd.slice
