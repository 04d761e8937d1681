systemctl start user@1000.service
as_user() { setpriv --reuid 1000 --regid 1000 --init-groups env XDG_RUNTIME_DIR=/run/user/1000 "$@"; }
install -d -o 1000 "$OUT/user"
as_user systemd-run --user --unit mine -p MemoryMax=48M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/user/pid" 1 0.05
until_true has_kills 1
as_user systemctl --user show mine -p Result
{ echo "PID=$(cat "$OUT/user/pid")"; as_user systemctl --user show mine -p InvocationID; } >> "$OUT/truth"
systemctl stop user@1000.service
