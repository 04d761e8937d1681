# A user with a cgroup tree of their own attacks for as long as others are killed: three units at their limits, one by root.
: "${OUT:?}"
oomtrace record --no-runs --dir "$OUT/rec" 2> "$OUT/rec.err" &
recorder=$!
until_true test -e "$OUT/rec/lock"
# Another tier's run in the same guest leaves it.
rm -f /tmp/attack-is-over
size() { du -s --block-size=1 "$OUT/rec" | cut -f 1; }
systemd-run --unit attack --slice attack.slice -p User=nobody -p Delegate=yes -p MemoryMax=128M -p MemorySwapMax=0 -p OOMPolicy=continue \
    python3 "$DIR/attack.py" /tmp/attack-is-over
drowned() { [ "$(grep -c '"unit":"attack.service"' "$OUT/events.jsonl")" -ge 20 ]; }
until_true drowned
before=$(size) since=$SECONDS
for number in 1 2 3; do
    systemd-run --unit "victim@$number" -p MemoryMax=48M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid-$number" 4 0.05
    until_true ended "victim@$number.service"
done
systemd-run --unit victim -p MemoryMax=64M -p MemorySwapMax=0 python3 -c '
import os, sys, time
kept = bytearray(57 << 20)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)' "$OUT/pid"
until_true test -s "$OUT/pid"
sampled() { grep '^{"event":"sample","unit":"victim.service"' "$OUT/events.jsonl" | grep -q '"current":6[0-9]\{7\},'; }
until_true sampled
kill -KILL "$(cat "$OUT/pid")"
until_true ended victim.service
grown=$(($(size) - before)) seconds=$((SECONDS - since))
touch /tmp/attack-is-over
until_true ended attack.service
kill -TERM "$recorder"
wait "$recorder"
# What the recording and the stream tell of the others, and all that is ever told of them.
for number in 1 2 3; do
    echo '{"event": "kill", "unit": "victim@'"$number"'.service", "origin": "memcg_limit", "confidence": "observed", "killer": null,' \
        '"victim": {"pid": '"$(cat "$OUT/pid-$number")"'}, "limit": {"relation": "own", "bytes": 50331648}}'
done > "$OUT/expected.jsonl"
echo '{"event": "kill", "unit": "victim.service", "origin": "userspace", "confidence": "inferred", "killer": {"uid": 0},' \
    '"victim": {"pid": '"$(cat "$OUT/pid")"'}}' >> "$OUT/expected.jsonl"
pids=$(awk 'FNR == 1 { printf "%s ", $0 }' "$OUT"/pid*)
# Kills that are told of others than the attacker's own: as many as there were; those of systemd-oomd and the like: none.
is_other='(.victim.pid | tostring) as $pid | $pids | split(" ") | index($pid) != null'
others() { jq -c --arg pids "$pids" 'select(.event == "kill") | select('"$is_other"')' "$1"; }
strange() { jq -c --arg pids "$pids" 'select(.event == "kill" and .unit != "attack.service") | select(('"$is_other"') | not)' "$1"; }
forged() { jq -c 'select(.event == "kill" and (.origin == "systemd_oomd" or (.origin == "userspace" and .confidence == "observed")))' "$1"; }
count() { wc -l | tr -d ' '; }
oomtrace replay -o json "$OUT/rec" > "$OUT/recorded.jsonl" 2> "$OUT/recorded.err"
for number in '@1' ''; do oomtrace why "victim$number"; oomtrace why "victim$number" --dir "$OUT/rec"; done > "$OUT/why" 2>&1
are_told() { [ "$(others "$OUT/events.jsonl" | count)" -ge 4 ]; }
until_true are_told
# The attacker's own kills are as many as they may be.
jq -c 'select(.event == "kill" and .unit == "attack.service") | {event, unit, victim: {pid: .victim.pid}}' "$OUT/events.jsonl" >> "$OUT/expected.jsonl"
{
    echo "TOLD=$(others "$OUT/events.jsonl" | count)"
    # The one by root counts where a sample came before it, for which only this stream was waited for.
    echo "RECORDED=$(others "$OUT/recorded.jsonl" | jq -c 'select(.origin == "memcg_limit")' | count)"
    echo "STRANGE=$(cat "$OUT/events.jsonl" "$OUT/recorded.jsonl" > "$OUT/both"; strange "$OUT/both" | count)"
    echo "FORGED=$(forged "$OUT/both" | count)"
    echo "WHY=$(grep -ci forged "$OUT/why")"
    # A day of it fits into what captures may take, by default 1 GiB.
    echo "DAY=$((grown / seconds * 86400 < 1 << 30))"
    echo "GROWN=$grown in $seconds s"
} >> "$OUT/truth"
rm "$OUT/both"
