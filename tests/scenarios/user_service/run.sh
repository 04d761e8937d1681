# A user's own recorder, by its own manager and without any right, beside the guest's.
systemctl start user@1000.service
as_user() { setpriv --reuid 1000 --regid 1000 --init-groups --inh-caps=-all env HOME=/home/tester XDG_RUNTIME_DIR=/run/user/1000 "$@"; }
install -d -o 1000 "$OUT/user"
as_user mkdir -p /home/tester/.config/systemd/user/oomtrace.service.d
as_user bash -c "printf '[Service]\nWatchdogSec=10min\nTimeoutStartSec=10min\n' > /home/tester/.config/systemd/user/oomtrace.service.d/guest.conf
    systemctl --user daemon-reload; systemd-analyze --user verify --man=no /usr/lib/systemd/user/oomtrace.service" 2>&1 | grep oomtrace > "$OUT/verify"
# Type=notify: returns when it is watching.
as_user systemctl --user start oomtrace.service
as_user systemd-run --user --unit mine -p MemoryMax=48M -p MemorySwapMax=0 python3 /share/leak.py "$OUT/user/pid" 2 0.05
until_true has_kills 1
why() { as_user oomtrace why --user-unit mine --no-pager > "$OUT/why" 2>> "$OUT/why.err"; grep -q 'one of its processes' "$OUT/why"; }
until_true why
status() { as_user systemctl --user show -P StatusText oomtrace.service > "$OUT/status.txt"; grep -q '1 kill counted and not seen' "$OUT/status.txt"; }
until_true status
{
    echo "PID=$(cat "$OUT/user/pid")"
    echo "VERIFY=$(wc -l < "$OUT/verify")"
    echo "STARTED=$(as_user systemctl --user is-active oomtrace.service)"
    echo "TOLD=$(tr -s '\n ' ' ' < "$OUT/why" | grep -c 'own lines may be read by root and the groups adm and systemd-journal only')"
    echo "MODE=$(stat -c %a:%U /home/tester/.local/state/oomtrace)"
    echo "WATCHES=$(grep -c '^Watching .* by their files alone' "$OUT/status.txt")"
} >> "$OUT/truth"
as_user systemctl --user stop oomtrace.service
echo "STOPPED=$(as_user systemctl --user show -P Result oomtrace.service)" >> "$OUT/truth"
as_user oomtrace replay -o json /home/tester/.local/state/oomtrace > "$OUT/recorded.jsonl"
# Nobody else's cgroups are in it. The kill is counted where it was or, as its cgroup has gone, right above.
echo "OTHERS=$(jq -r 'select(.cgroup.path) | .cgroup.path' "$OUT/recorded.jsonl" | grep -vc '^\(/\|/user.slice.*\)$')" >> "$OUT/truth"
echo "RECORDED=$(jq -r 'select(.event == "kill" or .event == "unexplained") | "\(.event) \(.counter) \(.counted) \(.seen) \(.user_unit | test("^(mine.service|app.slice)$"))"' "$OUT/recorded.jsonl")" >> "$OUT/truth"
systemctl stop user@1000.service
rm -rf /home/tester/.local /home/tester/.config
