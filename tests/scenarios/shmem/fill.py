# Writes its pid to $1, then writes to the file $2 for ever.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
with open(sys.argv[2], "wb", buffering=0) as file:
    while True:
        file.write(bytes(1 << 20))
        time.sleep(0.1)
