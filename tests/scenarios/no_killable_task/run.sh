systemd-run --unit immune -p OOMScoreAdjust=-1000 -p MemoryMax=48M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 1 0.02
told() { grep -q '"event":"oom_without_kill"' "$OUT/events.jsonl"; }
until_true told
# It loops in the kernel: only more memory lets it go.
systemctl set-property --runtime immune.service MemoryMax=infinity
systemctl stop immune.service
