# Two units share a slice's limit. One grows and is spared at first; the other stands still, and is killed for it.
systemctl set-property --runtime shared.slice MemoryMax=128M MemorySwapMax=0
systemd-run --unit quiet --slice shared.slice -p OOMScoreAdjust=900 \
    python3 -c 'import os, sys, time; open(sys.argv[1], "w").write(str(os.getpid())); kept = bytearray(40 << 20); time.sleep(600)' "$OUT/quiet"
quiet_began() { [ -s "$OUT/quiet" ]; }
until_true quiet_began
sleep 2
# After a pause of the machine it would be killed for what nobody could have seen.
systemd-run --unit noisy --slice shared.slice -p OOMScoreAdjust=-900 python3 /share/leak.py "$OUT/noisy" 1 0.2 steadily
until_true ended quiet.service
until_true has_kills 1
for who in quiet noisy; do echo "$who=$(cat "$OUT/$who")"; done >> "$OUT/truth"
noisy=$(cat "$OUT/noisy") quiet=$(cat "$OUT/quiet")
mkdir "$OUT/captures"
cp "$OUT/events.jsonl" "$OUT/captures/"
oomtrace why quiet --dir "$OUT/captures" > "$OUT/why"
{
    echo "GREW=$(grep -c "grew *python3\[$noisy\] of noisy.service" "$OUT/why")"
    echo "KILLED=$(grep -c "killed *python3\[$quiet\] of quiet.service" "$OUT/why")"
} >> "$OUT/truth"
until_true ended noisy.service
