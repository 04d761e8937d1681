#!/bin/bash
# Runs every scenario of this folder in a guest, one after the other, each under an oomtrace of its own.
# Arguments: TIER/NAME, what oomtrace is allowed and the scenario.
set -u
# Waits until a command is true, two minutes at most, or as many as `--minutes N` says: a guest beside other work is slow.
until_true() {
    local minutes=2
    [ "$1" != --minutes ] || { minutes=$2; shift 2; }
    local end=$((SECONDS + minutes * 60))
    while [ "$SECONDS" -lt "$end" ]; do "$@" && return 0; sleep 0.1; done
    echo "gave up waiting for: $*" >&2
    return 1
}
export -f until_true
count_kills() { grep -c '"event":"kill"' "$OUT/events.jsonl"; }
has_kills() { [ "$(count_kills)" -ge "$1" ]; }
export -f count_kills has_kills
# Waits for so many kills, as long as two minutes bring one more.
until_kills() {
    local now
    while now=$(count_kills); [ "$now" -lt "$1" ]; do
        until_true has_kills $((now + 1)) || return 1
    done
}
has_start() { grep -q '"event":"start"' "$OUT/events.jsonl"; }
# The unit's last run has ended.
ended() { case "$(systemctl show -P ActiveState "$1")" in failed|inactive) ;; *) false ;; esac }
export -f ended
types=/sys/kernel/btf/vmlinux
# The unit as it is shipped, but that its stream goes to a file and that nobody waits for it in seconds: guests are slow.
start_service() {
    echo 'OOMTRACE_OPTIONS=-o json' > /etc/default/oomtrace
    mkdir -p /run/systemd/system/oomtrace.service.d
    printf '[Service]\nStandardOutput=file:%s\nStandardError=file:%s\nWatchdogSec=10min\nTimeoutStartSec=10min\n' \
        "$OUT/events.jsonl" "$OUT/stderr" > /run/systemd/system/oomtrace.service.d/guest.conf
    systemctl daemon-reload
    systemctl start oomtrace.service
    OOMTRACE=$(systemctl show -P MainPID oomtrace.service)
}
stop_service() {
    systemctl stop oomtrace.service
    systemctl show -P ExecMainStatus oomtrace.service > "$OUT/status"
    rm -r /etc/default/oomtrace /run/systemd/system/oomtrace.service.d /var/lib/oomtrace
    systemctl daemon-reload
}
for run in "$@"; do
    tier=${run%%/*} name=${run#*/}
    dir=/share/$name
    export OUT=/out/$run DIR=$dir
    case $tier in
        kprobe|tracepoint|poll) way=$tier ;;
        *) way=auto ;;
    esac
    [ "$tier" = no-btf ] && mount --bind /dev/null "$types"
    mkdir -p "$OUT"
    : > "$OUT/truth"
    export OOMTRACE
    if [ "$tier" = service ]; then
        start_service
    else
        oomtrace -o json --probes "$way" > "$OUT/events.jsonl" 2> "$OUT/stderr" &
        OOMTRACE=$!
    fi
    until_true has_start
    bash "$dir/run.sh" > "$OUT/output" 2>&1
    kills=$(python3 "$(dirname "$0")/kills.py" "$tier" "$(uname -r)" "$dir/expect.json")
    until_kills "$kills"
    if [ "$tier" = service ]; then
        stop_service
    else
        kill -TERM "$OOMTRACE"
        wait "$OOMTRACE"
        echo "$?" > "$OUT/status"
    fi
    oomtrace schema > "$OUT/schema.json"
    oomtrace replay -o json "$OUT/events.jsonl" > "$OUT/replayed.jsonl" 2>> "$OUT/stderr"
    journalctl -k -b > "$OUT/kernel.log"
    # What journald says where the kernel's log was overwritten before it was read.
    journalctl -q -b -o cat _TRANSPORT=driver | grep '^Missed ' > "$OUT/kernel.missed"
    [ "$tier" = no-btf ] && umount "$types"
    # The same unit may be started again on another tier.
    systemctl reset-failed
done
