# Writes its pid to $1, then grows by 1 MiB every 50 ms until the process $2 is gone: the limit is met once.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
kept = []
while os.path.exists("/proc/" + sys.argv[2]):
    kept.append(bytearray(1 << 20))
    time.sleep(0.05)
time.sleep(600)
