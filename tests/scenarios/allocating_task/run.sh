# Whoever asks is killed: what runs here but the one that is meant says that it may not be.
echo -1000 > /proc/self/oom_score_adj
sysctl -q vm.oom_kill_allocating_task=1
systemd-run --unit asks -p OOMScoreAdjust=500 python3 /share/leak.py "$OUT/pid" 64 0
until_true ended asks.service
sysctl -q vm.oom_kill_allocating_task=0
