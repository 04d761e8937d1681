# systemd-oomd ends a scope of 300 processes of which one grew. Held below what it wants by its MemoryHigh=, it stalls.
. /share/oomd.sh
oomd_on DefaultMemoryPressureDurationSec=2s
oomd_minds crowded.slice
systemd-run --scope --unit terminal --slice crowded.slice -p MemoryHigh=288M -p MemorySwapMax=0 bash "$DIR/family.sh" "$OUT/pid" &
scope_began() { [ -s "$OUT/pid.leak" ]; }
until_true scope_began
until_true --minutes 6 ended terminal.scope
wait $!
until_true has_kills 300
for who in outer inner leak; do echo "$who=$(cat "$OUT/pid.$who")"; done >> "$OUT/truth"
leak=$(cat "$OUT/pid.leak") inner=$(cat "$OUT/pid.inner") outer=$(cat "$OUT/pid.outer")
# Whoever was killed, it is the same that grew.
while read -r pid; do
    echo '{"event":"kill","unit":"terminal.scope","origin":"systemd_oomd","victim":{"pid":'"$pid"'},"growers":{"0":{"pid":'"$leak"',"unit":"terminal.scope"}}}'
done < "$OUT/pid.sleepers" > "$OUT/expected.jsonl"
mkdir "$OUT/captures"
cp "$OUT/events.jsonl" "$OUT/captures/"
oomtrace why terminal.scope --dir "$OUT/captures" > "$OUT/why"
{
    echo "GREW=$(grep -c "grew *python3\[$leak\]" "$OUT/why")"
    echo "CHAIN=$(grep -c "bash\[$inner\] ← bash\[$outer\]" "$OUT/why")"
    echo "KILLED=$(grep -c "Killed: 300 processes of terminal.scope" "$OUT/why")"
} >> "$OUT/truth"
oomd_off
