# Writes its pid to $1, then makes page tables and next to nothing else: it reads a page of every 2 MiB, and all of these are
# the one page of zeros.
import mmap, os, sys
open(sys.argv[1], "w").write(str(os.getpid()))
MAP_NORESERVE = 0x4000
STEP = 2 << 20
space = mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE, prot=mmap.PROT_READ)
space.madvise(mmap.MADV_NOHUGEPAGE)
for at in range(0, len(space), STEP):
    space[at]
