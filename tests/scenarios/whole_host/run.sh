# The whole host: nothing has a limit, and the one that is told to die first is not the only one that asks.
systemd-run --unit greedy -p OOMScoreAdjust=500 python3 /share/leak.py "$OUT/pid" 32 0.05
until_true ended greedy.service
{ echo "PID=$(cat "$OUT/pid")"; systemctl show greedy -p InvocationID; } >> "$OUT/truth"
