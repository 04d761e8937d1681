# The program's file is deleted by itself: it runs from a copy. It is process 3 or so of its own namespace, below two shells.
cp "$(command -v jitted)" /run/jitted
systemd-run --unit jitted -p MemoryMax=400M -p PrivateTmp=yes -p StandardOutput="file:/run/jitted.out" \
    bash -c 'unshare --pid --fork --mount-proc bash -c "sleep 0; /run/jitted 15; true"; true'
systemd-run --unit follower -p RemainAfterExit=yes -p StandardOutput="file:$OUT/stacks.txt" -p StandardError="file:$OUT/stacks.err" \
    -p KillSignal=SIGINT bash -c "
oomtrace stacks -u jitted --for 30min --one-in 16 -o json > \"$OUT/stacks.json\" & follower=\$!
trap 'kill -INT \$follower' INT
wait \$follower; wait \$follower"
is_done() { grep -q done /run/jitted.out 2> /dev/null; }
until_true is_done
systemctl kill --signal INT follower.service
is_told() { grep -q '"event":"stacks"' "$OUT/stacks.json"; }
until_true is_told
python3 "$DIR/check.py" "$OUT/stacks.json" >> "$OUT/truth"
systemctl stop jitted.service follower.service
# What belongs to no process is in the table, whenever it was taken.
systemd-run --unit holder -p MemoryMax=400M python3 -c '
import os, time
file = os.memfd_create("long ago")
os.write(file, bytes(8 << 20))
open("/run/holder", "w").close()
time.sleep(600)'
is_held() { [ -e /run/holder ]; }
until_true is_held
oomtrace stacks -u holder --for 1s > "$OUT/table"
echo "HELD=$(grep -c 'memfd long ago 8.0M, open in python3' "$OUT/table")" >> "$OUT/truth"
systemctl stop holder.service
