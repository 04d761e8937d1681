# Writes its pid to $1, then grows by $2 MiB every $3 seconds by the clock: a machine that is busy for a while changes no
# slope. With $4 it makes up for no such while: it never grows faster.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
began, kept = time.monotonic(), []
pace = float(sys.argv[3])
while True:
    kept.append(bytearray(int(sys.argv[2]) << 20))
    time.sleep(pace if sys.argv[4:] else max(0, began + len(kept) * pace - time.monotonic()))
