# A recorder whose 20 MB disk fills up, is set read-only, and takes captures again.
dir=/run/captures
mkdir -p "$dir"
mount -t tmpfs -o size=20M,mode=0700 captures "$dir" || exit 1
# What an earlier recorder left: the first is the oldest, by name and by time.
for day in 1 2 3; do
    head -c 3M /dev/urandom > "$dir/oomtrace-old-2026010${day}T000000.000000Z.jsonl.zst"
    touch -d "2026-01-0$day" "$dir"/oomtrace-old-2026010"$day"*
done
systemd-run --unit full python3 -c 'import time
while True:
    kept = bytearray(20 << 20); time.sleep(0.2)
    kept = None; time.sleep(0.2)'
oomtrace record -o json --dir "$dir" --max-age 30000d --interval 100ms -u full > "$OUT/live.jsonl" 2> "$OUT/recorder" &
recorder=$!
says() { [ "$(grep -c "$1" "$OUT/recorder")" -ge "$2" ]; }
# Lines that are on the disk.
kept() { find "$dir" -name 'oomtrace-*' ! -name 'oomtrace-old-*' -exec oomtrace replay -o json {} + 2> /dev/null | wc -l; }
more_than() { [ "$(kept)" -gt "$1" ]; }
old() { find "$dir" -name 'oomtrace-old-*' -printf '%f\n' | sort | cut -c 14-21 | xargs; }
rss() { awk '/VmRSS/ {print $2}' "/proc/$recorder/status"; }
until_true more_than 1
before=$(rss)

# Full, with captures to give: the oldest goes, nothing is lost.
dd if=/dev/zero of="$dir/ballast" bs=64K 2> /dev/null
until_true says 'deleting the oldest recordings' 1
until_true more_than "$(kept)"
echo "OLD=$(old)" >> "$OUT/truth"
echo "LOST_EARLY=$(grep -c 'lines are lost' "$OUT/recorder")" >> "$OUT/truth"

# Full, with none to give but the current one: lines are lost. Then there is room again.
rm "$dir"/oomtrace-old-*
dd if=/dev/zero of="$dir/ballast2" bs=4K 2> /dev/null
until_true says 'lines are lost' 1
sleep 12
rm "$dir"/ballast*
until_true more_than "$(kept)"

# Read-only and back.
until_true mount -o remount,ro "$dir"
until_true says 'Read-only file system' 1
mount -o remount,rw "$dir"
until_true more_than "$(kept)"
echo "GREW=$(( ($(rss) - before) / 8192 ))" >> "$OUT/truth"
kill -TERM "$recorder"
wait "$recorder"
echo "STATUS=$?" >> "$OUT/truth"
systemctl stop full
# Each outage is said once, and its end once; on a full disk a short frame may find the rest of a page in between.
turns=$(sed -n 's/.*lines are lost.*/-/p; s/.*recording into .* again.*/+/p' "$OUT/recorder" | tr -d '\n')
echo "SAID=$(grep -cxE '(-\+){2,}' <<< "$turns")" >> "$OUT/truth"

# What is there says how much is not.
oomtrace replay -o json "$dir" > "$OUT/replayed-folder.jsonl" 2> "$OUT/replay-stderr"
echo "REPLAY=$?" >> "$OUT/truth"
python3 - "$OUT" >> "$OUT/truth" << 'EOF'
import json, re, sys
out = sys.argv[1]
said = sum(int(count) for count in re.findall(r"again; (\d+) lines were lost", open(out + "/recorder").read()))
lines = [json.loads(line) for line in open(out + "/replayed-folder.jsonl")]
told = sum(line["count"] for line in lines if line["event"] == "lost" and line["stream"] == "output")
print("COUNTED=%d" % (said > 0 and said == told))
print("ENDS=%d" % (lines[-1]["event"] == "stop"))
print("lost: said %d, told %d" % (said, told), file=sys.stderr)
EOF
umount "$dir"
