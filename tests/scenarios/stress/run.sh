# Two stressors, each larger than the unit may be; one that is killed is not started again (--oomable).
begun=$(cut -d ' ' -f 1 /proc/uptime)
systemd-run --unit stressed -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue \
    stress-ng --vm 2 --vm-bytes 256M --vm-keep --vm-populate --oomable --timeout 20s
until_true ended stressed.service
dmesg | python3 "$DIR/logged.py" "$begun" > "$OUT/expected.jsonl"
