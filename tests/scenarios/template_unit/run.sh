cat > /run/systemd/system/leak@.service <<U
[Service]
ExecStart=python3 /share/leak.py $OUT/pid 1 0.1
MemoryMax=48M
MemorySwapMax=0
U
systemctl daemon-reload
unit=$(systemd-escape --template=leak@.service 'a/b-c')
systemctl start "$unit"
until_true ended "$unit"
{ echo "PID=$(cat "$OUT/pid")"; echo "UNIT=$unit"; systemctl show "$unit" -p InvocationID; } >> "$OUT/truth"
