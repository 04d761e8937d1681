# systemd-oomd for one scenario, with this line of oomd.conf(5). The guests' image has it masked.
oomd_on() {
    mkdir -p /run/systemd/oomd.conf.d
    printf '[OOM]\n%s\n' "$1" > /run/systemd/oomd.conf.d/test.conf
    rm -f /etc/systemd/system/systemd-oomd.service /etc/systemd/system/systemd-oomd.socket
    systemctl daemon-reload
    systemctl start systemd-oomd.service
}
oomd_off() {
    systemctl stop systemd-oomd.service systemd-oomd.socket
    rm /run/systemd/oomd.conf.d/test.conf
}
# It kills in this slice for pressure.
oomd_minds() {
    systemctl set-property --runtime "$1" ManagedOOMMemoryPressure=kill ManagedOOMMemoryPressureLimit=5%
    # It does where reclaim is at work, and 5.10 scans nothing where all is anonymous and there is no swap: what the units there
    # run is to be read anew, and charged to them.
    sysctl -q vm.drop_caches=1
}
# stalled.service in such a slice, until it was killed. Its pid goes to $OUT/truth.
oomd_kills() {
    oomd_minds pressed.slice
    # Held below what it wants by its MemoryHigh=, it stalls.
    systemd-run --unit stalled --slice pressed.slice -p MemoryHigh=24M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 1 0.01
    until_true --minutes 6 ended stalled.service
    echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
}
