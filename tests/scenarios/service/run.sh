# A sign of life comes in half of what WATCHDOG_USEC says. systemd sets that to WatchdogSec=, and Environment= overrides it:
# the sign comes after two seconds, while systemd would wait ten minutes for it, whatever else the machine does.
mkdir -p /run/systemd/system/oomtrace.service.d
printf '[Service]\nWatchdogSec=10min\nTimeoutStartSec=10min\nEnvironment=WATCHDOG_USEC=4000000\n' > /run/systemd/system/oomtrace.service.d/watchdog.conf
systemctl daemon-reload
# The guest has no manual pages.
systemd-analyze verify --man=no oomtrace.service 2>&1 | grep oomtrace > "$OUT/verify"
systemd-analyze security --no-pager oomtrace.service > "$OUT/security"
# Type=notify: returns when it is watching.
systemctl start oomtrace.service
fed() { systemctl show -P WatchdogTimestampMonotonic oomtrace.service; }
first=$(fed)
alive() { [ "$(fed)" -gt "$first" ]; }
echo "STARTED=$(systemctl is-active oomtrace.service)" >> "$OUT/truth"
systemd-run --unit leak -p MemoryMax=64M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 2 0.1
until_true ended leak.service
pid=$(cat "$OUT/pid")
until_true has_kills 1
# Due after two seconds; a busy machine may take minutes.
until_true --minutes 12 alive
alive && echo WATCHDOG=1 >> "$OUT/truth"
# What its threads may still do: two capabilities are left for whoever watches, one for who writes.
main=$(systemctl show -P MainPID oomtrace.service)
cat /proc/$main/task/*/status > "$OUT/threads"
held() { awk '/^Cap(Prm|Eff|Inh|Amb)/ {print $2}' "$OUT/threads" | sort -u | paste -sd,; }
systemd-analyze security --no-pager --threshold=25 oomtrace.service > "$OUT/threshold"
echo "EXPOSED=$?" >> "$OUT/truth"
echo "HELD=$(held)" >> "$OUT/truth"
# A reload says which settings wait for a restart, and goes on.
mkdir -p /etc/oomtrace/oomtrace.conf.d
printf '[record]\nmax-size=2G\n' > /etc/oomtrace/oomtrace.conf.d/10-size.conf
systemctl reload oomtrace.service
reloaded() { journalctl -q -u oomtrace.service | grep -q "in force after 'systemctl restart oomtrace': max-size"; }
until_true reloaded && echo RELOADED=1 >> "$OUT/truth"
oomtrace config > "$OUT/config"
echo "SIZE=$(awk '$1 == "max-size" {print $2 "," $3}' "$OUT/config")" >> "$OUT/truth"
echo "JOURNAL=$(awk '$1 == "journal" {print $2 "," $3}' "$OUT/config")" >> "$OUT/truth"
systemctl stop oomtrace.service
oomtrace replay -o json /var/lib/oomtrace > "$OUT/service.jsonl" 2> "$OUT/replay.err"
recorded() { jq -c --argjson pid "$pid" 'select(.event == "kill" and .victim.pid == $pid and .confidence == "observed" and .limit.relation == "own")' "$OUT/service.jsonl" | wc -l; }
# What root sees without a sandbox, whatever the one beside it is allowed.
oomtrace -o json --duration 1s > "$OUT/root.jsonl"
probes() { jq -c 'select(.event == "start") | .probes' "$1"; }
{
    echo "PID=$pid"
    echo "PROBES=$([ "$(probes "$OUT/service.jsonl")" = "$(probes "$OUT/root.jsonl")" ] && echo true)"
    echo "RECORDED=$(recorded)"
    echo "STOPPED=$(systemctl show -P Result oomtrace.service)"
    echo "STATUS=$(systemctl show -P ExecMainStatus oomtrace.service)"
    echo "LAST=$(tail -1 "$OUT/service.jsonl" | jq -r .event)"
    echo "VERIFY=$(wc -l < "$OUT/verify")"
    echo "MODE=$(stat -c %a /var/lib/oomtrace)"
    echo "ERRORS=$(journalctl -q -u oomtrace.service -p warning _SYSTEMD_UNIT=oomtrace.service _TRANSPORT=stdout | wc -l)"
} >> "$OUT/truth"
journalctl -u oomtrace.service > "$OUT/service.log"
