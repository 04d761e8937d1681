journalctl --update-catalog
oomtrace -o json --journal > "$OUT/second.jsonl" 2> "$OUT/second.err" &
second=$!
until_true grep -q '"event":"start"' "$OUT/second.jsonl"
systemd-run --unit leak -p MemoryMax=64M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 2 0.1
until_true ended leak.service
kill_id=cc5381e276d348dca2e39282be935c48
written() { journalctl -q -u leak MESSAGE_ID=$kill_id | grep -q .; }
until_true written
# PID 1's own words come after the unit has ended.
failed() { journalctl -q -u leak MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c | grep -q .; }
until_true failed
kill -TERM "$second"
wait "$second"
pid=$(cat "$OUT/pid")
invocation=$(systemctl show -P InvocationID leak)
journalctl -q -u leak -o verbose > "$OUT/verbose"
journalctl -q -x -u leak > "$OUT/explained"
systemctl status --no-pager -l leak > "$OUT/shown"
journalctl -q -u leak -o json MESSAGE_ID=$kill_id > "$OUT/entry.json"
# The journal as a folder, and a file of it as somebody takes it along from a machine that no longer starts.
journalctl --sync
folder=/var/log/journal
[ -n "$(ls "$folder" 2> /dev/null)" ] || folder=/run/log/journal
cp "$folder"/*/system.journal "$OUT/taken.journal"
oomtrace why leak --journal-file "$folder" > "$OUT/why.folder"
oomtrace why leak --journal-file "$OUT/taken.journal" > "$OUT/why.file"
rm "$OUT/taken.journal"
count() { echo "$1=$(grep -c -- "$2" "$OUT/$3")"; }
{
    echo "PID=$pid"
    echo "NATIVE=$(jq -s 'map(select(._TRANSPORT == "journal" and .SYSLOG_IDENTIFIER == "oomtrace")) | length' "$OUT/entry.json")"
    echo "OBJECT=$(jq -s --arg pid "$pid" 'map(select(.OBJECT_SYSTEMD_UNIT == "leak.service" and .OBJECT_PID == $pid)) | length' "$OUT/entry.json")"
    echo "INVOCATION=$(jq -s --arg id "$invocation" 'map(select(.OBJECT_SYSTEMD_INVOCATION_ID == $id)) | length' "$OUT/entry.json")"
    echo "PRIORITY=$(jq -s 'map(select(.PRIORITY == "3")) | length' "$OUT/entry.json")"
    # What journald says of the sender and of the process, and ours.
    ours='MESSAGE|MESSAGE_ID|PRIORITY|SYSLOG_IDENTIFIER|OOMTRACE_(CGROUP|ORIGIN|VICTIM|LIMIT_UNIT|LIMIT_CGROUP|LIMIT_BYTES)'
    echo "ALIEN=$(jq -s --arg ours "^(_.*|OBJECT_.*|$ours)\$" 'map(keys[]) | map(select(test($ours) | not)) | length' "$OUT/entry.json")"
    count FOLDER "python3\[$pid\] was killed" why.folder
    count FILE "python3\[$pid\] was killed" why.file
    count BESIDE "MESSAGE_ID=$kill_id" verbose
    count EXPLAINED 'Subject: A process in leak.service was killed because memory ran out' explained
    count STATUS 'oomtrace\[[0-9]*\]: Killed for memory: .* of leak.service' shown
} >> "$OUT/truth"
