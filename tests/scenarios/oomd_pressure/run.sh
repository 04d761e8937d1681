mkdir -p /run/systemd/oomd.conf.d
printf '[OOM]\nDefaultMemoryPressureDurationSec=2s\n' > /run/systemd/oomd.conf.d/test.conf
rm -f /etc/systemd/system/systemd-oomd.service /etc/systemd/system/systemd-oomd.socket
systemctl daemon-reload
systemctl start systemd-oomd.service
systemctl set-property --runtime pressed.slice ManagedOOMMemoryPressure=kill ManagedOOMMemoryPressureLimit=5%
# systemd-oomd kills where reclaim is at work, and 5.10 scans nothing where all is anonymous and there is no swap: what the
# unit runs is to be read anew, and charged to it.
sysctl -q vm.drop_caches=1
# Held below what it wants by its MemoryHigh=, it stalls.
systemd-run --unit stalled --slice pressed.slice -p MemoryHigh=24M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/pid" 1 0.01
long_ended() { ended stalled.service; }
for i in 1 2 3; do until_true long_ended && break; done
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
systemctl stop systemd-oomd.service systemd-oomd.socket
