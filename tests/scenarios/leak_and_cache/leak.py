# Writes its pid to $1, then grows by 1 MiB a second by the clock: a machine that is busy for a while changes no slope.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
began, kept = time.monotonic(), []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(max(0, began + len(kept) - time.monotonic()))
