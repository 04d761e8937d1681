# One container with the host's pids and cgroups (--pid=host --cgroupns=host), one with its own of everything.
box() { systemd-run --unit "box-$1" -p Environment="OUT=$OUT" unshare --mount --uts --ipc "${@:2}" bash "$DIR/box.sh" "$1"; }
box shared
box bare --cgroup --pid --fork --kill-child --mount-proc
begun() { grep -q '"event":"start"' "$OUT/$1.jsonl"; }
until_true begun shared
until_true begun bare
systemd-run --unit bloated -p MemoryMax=48M -p MemorySwapMax=0 -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 4 0.05
until_true ended bloated.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
for name in shared bare; do
    killed() { grep -q '"event":"kill"' "$OUT/$name.jsonl"; }
    until_true killed
    told=$(jq -r "select(.event == \"kill\") | \"\(.origin) \(.unit) \(.victim.pid == $(cat "$OUT/pid")) \(.limit.cgroup)\"" "$OUT/$name.jsonl")
    echo "${name^^}=$told" >> "$OUT/truth"
    echo "${name^^}_DOCTOR=$(jq -r '[.findings[] | select(.name | test("namespace|cgroup file system|^systemd$")) | select(.state != "ok") | .name] | join(", ")' "$OUT/$name.doctor.json")" >> "$OUT/truth"
done
systemctl stop box-shared.service box-bare.service
