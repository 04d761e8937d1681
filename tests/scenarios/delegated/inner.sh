# What leaks goes into a cgroup of its own, the rest into another: no process may stay beside them.
root=/sys/fs/cgroup
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
limit=memory.max
if [ -d $root/memory ]; then
    root=$root/memory limit=memory.limit_in_bytes
    own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
fi
mkdir "$root$own/inner" "$root$own/rest"
echo $$ > "$root$own/rest/cgroup.procs"
[ $limit = memory.max ] && echo +memory > "$root$own/cgroup.subtree_control"
echo 32M > "$root$own/inner/$limit"
[ -e "$root$own/inner/memory.swap.max" ] && echo 0 > "$root$own/inner/memory.swap.max"
echo "$own/inner" > "$2"
bash -c 'echo $$ > "$0/cgroup.procs"; exec python3 /share/leak.py "$1" 1 0.05' "$root$own/inner" "$1"
# Failed, so that systemd keeps what it knows of the run.
exit 1
