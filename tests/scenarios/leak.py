# Writes its pid to $1, then grows by $2 MiB every $3 seconds by the clock: a machine that is busy for a while changes no
# slope.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
began, kept = time.monotonic(), []
while True:
    kept.append(bytearray(int(sys.argv[2]) << 20))
    time.sleep(max(0, began + len(kept) * float(sys.argv[3]) - time.monotonic()))
