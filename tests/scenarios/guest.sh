#!/bin/bash
# Runs every scenario of this folder in a guest, one after the other, each under an oomtrace of its own.
# Arguments: the scenarios' names.
set -u
# Waits until a command is true, half a minute at most.
until_true() {
    local i
    for i in $(seq 300); do "$@" && return 0; sleep 0.1; done
    echo "gave up waiting for: $*" >&2
    return 1
}
export -f until_true
has_kills() { [ "$(grep -c '"event":"kill"' "$OUT/events.jsonl")" -ge "$1" ]; }
export -f has_kills
has_start() { grep -q '"event":"start"' "$OUT/events.jsonl"; }
# The unit's last run has ended.
ended() { case "$(systemctl show -P ActiveState "$1")" in failed|inactive) ;; *) false ;; esac }
export -f ended
for name in "$@"; do
    dir=/share/$name
    export OUT=/out/$name DIR=$dir
    mkdir -p "$OUT"
    : > "$OUT/truth"
    oomtrace -o json > "$OUT/events.jsonl" 2> "$OUT/stderr" &
    export OOMTRACE=$!
    until_true has_start
    bash "$dir/run.sh" > "$OUT/output" 2>&1
    kills=$(sed -n 's/.*"kills": *\([0-9]*\).*/\1/p' "$dir/expect.json")
    until_true has_kills "$kills"
    kill -TERM "$OOMTRACE"
    wait "$OOMTRACE"
    echo "$?" > "$OUT/status"
    oomtrace replay -o json "$OUT/events.jsonl" > "$OUT/replayed.jsonl" 2>> "$OUT/stderr"
    journalctl -k -b > "$OUT/kernel.log"
done
