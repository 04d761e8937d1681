# The real program, from the distribution, with the distribution's settings but for when it acts. SIGTERM first.
sed -e 's/^soft_threshold_min_mem *=.*/soft_threshold_min_mem = 40 %/' -e 's/^hard_threshold_min_mem *=.*/hard_threshold_min_mem = 20 %/' \
    -e 's/^warning_threshold_min_mem *=.*/warning_threshold_min_mem = 45 %/' /etc/nohang/nohang.conf > "$OUT/nohang.conf"
systemd-run --unit nohanging nohang --monitor --config "$OUT/nohang.conf"
sleep 5
systemd-run --unit hungry -p OOMScoreAdjust=500 python3 /share/leak.py "$OUT/pid" 16 0.2
until_true ended hungry.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
systemctl stop nohanging.service
journalctl -u nohanging --no-pager | tail -50
