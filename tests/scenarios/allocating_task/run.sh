sysctl -q vm.oom_kill_allocating_task=1
systemd-run --unit asks -p OOMScoreAdjust=500 python3 /share/leak.py "$OUT/pid" 32 0.05
until_true ended asks.service
sysctl -q vm.oom_kill_allocating_task=0
