# Holds shared memory, of which the kernel's reaper takes nothing, and writes its pid to $1.
import mmap, os, sys, time
shared = mmap.mmap(-1, 32 << 20)
shared.write(b"x" * len(shared))
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
