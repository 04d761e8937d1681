# Whoever asks is killed, and the short host has many that ask: all that runs but the one that is meant is exempt meanwhile.
declare -A before
for of in /proc/[0-9]*/oom_score_adj; do
    read -r "before[$of]" 2>/dev/null < "$of" && echo -1000 2>/dev/null > "$of"
done
sysctl -q vm.oom_kill_allocating_task=1
systemd-run --unit asks -p OOMScoreAdjust=500 python3 /share/leak.py "$OUT/pid" 64 0
until_true ended asks.service
echo "PID=$(cat "$OUT/pid")" >> "$OUT/truth"
sysctl -q vm.oom_kill_allocating_task=0
for of in "${!before[@]}"; do
    [ ! -e "$of" ] || echo "${before[$of]}" 2>/dev/null > "$of"
done
