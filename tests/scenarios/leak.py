# Writes its pid to $1, then grows by $2 MiB every $3 seconds.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
kept = []
while True:
    kept.append(bytearray(int(sys.argv[2]) << 20))
    time.sleep(float(sys.argv[3]))
