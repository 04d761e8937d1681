# A shell that stays, two sleepers and a leak, all to die together. Pids go to files beside $1.
echo 1 > /sys/fs/cgroup/system.slice/group.scope/memory.oom.group
echo $$ > "$1.sh"
sleep 600 & echo $! > "$1.s1"
sleep 600 & echo $! > "$1.s2"
python3 /share/leak.py "$1.leak" 1 0.1
true
