# One unit of the storm: ten programs after one another that read a line without an end. Pids go to $1.pids, what the
# kernel counted in the end to $1.done.
flock --shared "${1%/*}/go" true
for _ in {1..10}; do
    choom -n 1000 -- tail /dev/zero &
    wait $!
    # Only now: while it fills the limit there may be no page for the file.
    echo $! >> "$1.pids"
done 2> /dev/null
sed -n 's/^oom_kill //p' "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.events" > "$1.done.part"
mv "$1.done.part" "$1.done"
exec sleep 600
