. /share/oomd.sh
hooks=/run/systemd/oomd.prekill.hook
oomd_on DefaultMemoryPressureDurationSec=2s
found() { oomtrace doctor -o json | jq -r '.findings[] | select(.name == "pre-kill hook") | .found'; }
echo "OFF=$(found)" >> "$OUT/truth"
echo 'PrekillHookTimeoutSec=10s' >> /run/systemd/oomd.conf.d/test.conf
systemctl restart systemd-oomd.service
echo "UNHEARD=$(found)" >> "$OUT/truth"
# A watch that was killed leaves its socket behind; one that lives keeps it.
mkdir "$hooks"
oomtrace -o json > /dev/null & dead=$!
oomtrace -o json > /dev/null & lives=$!
until_true test -S "$hooks/io.oomtrace.$dead"
until_true test -S "$hooks/io.oomtrace.$lives"
kill -KILL "$dead"
wait "$dead"
# The service as it is shipped. It samples so seldom that what is fresh at the kill is fresh for the hook.
systemd-analyze verify --man=no oomtrace.service > "$OUT/verify" 2>&1
echo 'OOMTRACE_OPTIONS=--interval=5min' > /etc/default/oomtrace
systemctl start oomtrace.service
main=$(systemctl show -P MainPID oomtrace.service)
notify() { varlinkctl call "$hooks/io.oomtrace.$main" io.systemd.oom.Prekill.Notify "$1"; }
notify '{"cgroup": "/../etc"}' > "$OUT/outside" 2>&1
# Who may pass over a file's mode, and is neither root nor systemd-oomd.
setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override \
    varlinkctl call "$hooks/io.oomtrace.$main" io.systemd.oom.Prekill.Notify '{"cgroup": "/system.slice"}' > "$OUT/stranger" 2>&1
{
    echo "VERIFY=$(grep -c oomtrace "$OUT/verify")"
    echo "HEARD=$(found)"
    echo "SOCKETS=$(ls "$hooks" | sort | sed "s/$main/service/; s/$lives/lives/; s/$dead/dead/" | sort | paste -sd,)"
    echo "MODE=$(stat -c %a:%U "$hooks/io.oomtrace.$main")"
    echo "INTERFACES=$(varlinkctl list-interfaces "$hooks/io.oomtrace.$main" | sort | paste -sd,)"
    echo "NOWHERE=$(notify '{"cgroup": "/nowhere.slice"}')"
    echo "OUTSIDE=$(grep -c 'Method call .* failed: Invalid argument' "$OUT/outside")"
    echo "STRANGER=$(grep -c 'Method call .* failed: Permission denied' "$OUT/stranger")"
} >> "$OUT/truth"
kill "$lives"
wait "$lives"
oomd_kills
until_true has_kills 1
oomd_off
systemctl stop oomtrace.service
journalctl -q -o json -u systemd-oomd.service > "$OUT/oomd.json"
journalctl -q -u oomtrace.service > "$OUT/service.log"
oomtrace replay -o json /var/lib/oomtrace > "$OUT/service.jsonl"
{
    echo "LEFT=$(ls "$hooks" | wc -l)"
    echo "WRONG=$(MAIN=$main python3 "$DIR/compare.py")"
} >> "$OUT/truth"
