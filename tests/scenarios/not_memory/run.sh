# Everything that ends a service and is not for memory.
printf "[Service]\nExecStart=/nonexistent/program\n" > /run/systemd/system/nm-exec.service
systemctl daemon-reload
systemctl start nm-exec.service
systemd-run --unit nm-watchdog -p Type=notify -p NotifyAccess=all -p WatchdogSec=1 -p TimeoutAbortSec=1 bash -c 'systemd-notify --ready; sleep 600'
sysctl -q kernel.core_pattern=core
systemd-run --unit nm-abort -p LimitCORE=infinity -p WorkingDirectory=/tmp bash -c 'kill -ABRT $$$$'
systemd-run --unit nm-rlimit -p LimitAS=100M python3 -c 'bytearray(1 << 30)'
systemd-run --unit nm-137 bash -c 'exit 137'
systemd-run --unit nm-self bash -c 'kill -KILL $$$$'
systemd-run --unit nm-stop -p TimeoutStopSec=1 bash -c "trap '' TERM; touch $OUT/deaf; while true; do sleep 1; done"
# Before it is deaf to SIGTERM it dies of it, and that is no timeout.
until_true test -e "$OUT/deaf"
systemctl stop nm-stop.service
for unit in exec watchdog abort rlimit 137 self stop; do until_true ended "nm-$unit.service"; done
all_told() { [ "$(grep -c '"event":"unit"' "$OUT/events.jsonl")" -ge 7 ]; }
until_true all_told
# Nor is a kill told after that.
sleep 1
