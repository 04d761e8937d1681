# The program waits until its pages are followed; that it is done stands in its output.
ulimit -c 0
systemd-run --unit sites -p MemoryMax=400M -p StandardOutput="file:/run/sites" sites 15
systemd-run --unit follower -p RemainAfterExit=yes -p StandardOutput="file:$OUT/stacks.json" -p StandardError="file:$OUT/stacks.err" \
    -p KillSignal=SIGINT oomtrace stacks -u sites --for 30min --one-in 4 -o json --svg "$OUT/stacks.svg"
is_done() { grep -q done /run/sites 2> /dev/null; }
until_true is_done
# It reads the programs of others: with no more rights than that takes.
follower=$(systemctl show -P MainPID follower.service)
sed -n 's/^CapEff:\s*/RIGHTS=bits /p' "/proc/$follower/status" >> "$OUT/truth"
grep -E '^Vm(HWM|RSS)' "/proc/$follower/status"
# Who wants to see it earlier sends SIGINT.
systemctl kill --signal INT follower.service
is_told() { grep -q '"event":"stacks"' "$OUT/stacks.json"; }
until_true is_told
python3 "$DIR/check.py" "$OUT/stacks.json" >> "$OUT/truth"
systemctl stop sites.service follower.service
