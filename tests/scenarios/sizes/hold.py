# Holds 48 MiB of its own and 8 MiB that it could share, and leaves in $1 what the kernel says of it then.
import mmap, sys, time
own = mmap.mmap(-1, 48 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
shared = mmap.mmap(-1, 8 << 20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
for memory in own, shared:
    for place in range(0, len(memory), 4096):
        memory[place] = 1
open(sys.argv[1], "w").write(open("/proc/self/status").read())
time.sleep(600)
