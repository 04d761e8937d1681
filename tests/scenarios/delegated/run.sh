# A unit that delegates makes a cgroup below its own, with a limit that systemd knows nothing of.
systemd-run --unit delegates -p Delegate=yes -p MemoryMax=256M -p OOMPolicy=continue bash "$DIR/inner.sh" "$OUT/pid" "$OUT/path"
until_true ended delegates.service
path=$(cat "$OUT/path")
{
    echo "PID=$(cat "$OUT/pid")"
    echo "INNER=$path"
    systemctl show delegates -p InvocationID
    oomtrace replay -o text --color never "$OUT/events.jsonl" > "$OUT/text" 2> /dev/null
    echo "TOLD=$(grep -c "KILLED .* its own memory.max=32.0M of $path was reached" "$OUT/text")"
} >> "$OUT/truth"
