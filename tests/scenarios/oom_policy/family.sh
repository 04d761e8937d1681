# A shell that lives on after its leaking child: whatever ends it is not the kernel.
[ "$1" = "${1%kill}" ] || echo 0 > "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.oom.group"
echo $$ > "$1.shell"
python3 /share/leak.py "$1.leak" 1 0.03
while true; do sleep 1000; done
