# Writes its pid to $1, then fills pipes that nobody reads: their pages are the kernel's.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
pipes = []
while True:
    for _ in range(4):
        read, write = os.pipe()
        os.set_blocking(write, False)
        pipes.append((read, write))
        os.write(write, bytes(1 << 16))
    time.sleep(0.1)
