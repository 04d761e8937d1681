folder=/run/systemd/report
socket=$folder/io.oomtrace
# Each reply has a record separator before it (RFC 7464).
metrics() { "${@:2}" varlinkctl --more --json=short call "$socket" "io.systemd.Metrics.$1" '{}' | tr -d '\036'; }
report() { /usr/lib/systemd/systemd-report --no-pager "$@" io.oomtrace | tr -d '\036'; }
# How many kills of a unit there are, by whom, and where it is.
kills() { jq -r --arg unit "$1" 'select(.name == "io.oomtrace.Kills" and .object == $unit) | "\(.value),\(.fields.origin),\(.fields.slice)"'; }
counted() { [ "$(metrics List | kills "$1" | cut -d, -f1)" = "$2" ]; }
found() { oomtrace doctor -o json | jq -r '.findings[] | select(.name == "systemd-report") | .found'; }
leak() {
    systemd-run --unit "$1" -p MemoryMax=64M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 2 0.1
    until_true ended "$1.service"
}
# The oomtrace of this scenario answers, whoever asks.
leak own
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
until_true counted own.service 1
metrics List > "$OUT/list.json"
metrics Describe > "$OUT/described.json"
report metrics > "$OUT/report" 2>&1
report -j metrics > "$OUT/report.json" 2> "$OUT/report.err"
varlinkctl call "$socket" io.systemd.Metrics.List '{}' > "$OUT/once" 2>&1
varlinkctl introspect "$socket" io.systemd.Metrics > "$OUT/interface" 2>&1
metrics List setpriv --reuid=65534 --regid=65534 --clear-groups > "$OUT/anyone.json"
oomtrace record --no-runs --dir "$OUT/second" --duration 1s 2> "$OUT/second.err"
{
    echo "KILLS=$(kills own.service < "$OUT/list.json")"
    echo "REPORTED=$(jq -c 'if type == "array" then .[] else . end' "$OUT/report.json" | kills own.service)"
    echo "ANYONE=$(kills own.service < "$OUT/anyone.json")"
    echo "FAMILIES=$(jq -r .name "$OUT/described.json" | sort | paste -sd,)"
    echo "ONCE=$(grep -c "Method call .* failed: called without 'more' flag" "$OUT/once")"
    echo "INTERFACES=$(varlinkctl list-interfaces "$socket" | sort | paste -sd,)"
    echo "METHODS=$(grep -c ^method "$OUT/interface")"
    echo "MODE=$(stat -c %a:%U "$socket")"
    echo "HEARD=$(found)"
    echo "SECOND=$(grep -c "$socket is another oomtrace's" "$OUT/second.err")"
} >> "$OUT/truth"
# The service as it is shipped takes the place of one that was killed: a socket is left at which nobody listens.
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$folder/dead"
mv "$folder/dead" "$socket"
echo "DEAD=$(found)" >> "$OUT/truth"
systemctl start oomtrace.service
leak again
until_true counted again.service 1
{
    echo "SERVICE=$(metrics List | kills again.service)"
    echo "ITS=$(metrics List | kills own.service | wc -l)"
} >> "$OUT/truth"
systemctl stop oomtrace.service
journalctl -q -u oomtrace.service > "$OUT/service.log"
{
    echo "LEFT=$(ls -A "$folder" | grep -c oomtrace)"
    echo "GONE=$(found)"
} >> "$OUT/truth"
