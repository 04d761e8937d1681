# In the container's namespaces: the host's cgroup files beside its own, no bus. Then oomtrace, as $1.
mount --make-rprivate /
mkdir -p /mnt/cgroup
mount --rbind /sys/fs/cgroup /mnt/cgroup
mount -t tmpfs none /run/dbus
[ "$1" = bare ] && mount -t cgroup2 none /sys/fs/cgroup
oomtrace doctor -o json > "$OUT/$1.doctor.json"
exec oomtrace -o json > "$OUT/$1.jsonl" 2> "$OUT/$1.stderr"
