systemctl set-property --runtime pair.slice MemoryMax=96M MemorySwapMax=0
systemd-run --unit big --slice pair.slice -p OOMScoreAdjust=900 python3 -c '
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
kept = bytearray(60 << 20)
open(sys.argv[1] + ".ready", "w").close()
time.sleep(600)' "$OUT/big"
until_true test -e "$OUT/big.ready"
# Never to be chosen itself: the kernel may look again before what the first victim had is given back (seen on 7.2).
systemd-run --unit small --slice pair.slice -p OOMScoreAdjust=-1000 python3 "$DIR/small.py" "$OUT/small" "$(cat "$OUT/big")"
until_true ended big.service
{ echo "BIG=$(cat "$OUT/big")"; echo "SMALL=$(cat "$OUT/small")"; } >> "$OUT/truth"
until_true has_kills 1
systemctl stop small.service
