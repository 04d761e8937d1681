# trace: limit=160M seconds=360 kind=calm class=steady,warmup split=tune
# A pool of pages that processes share, as databases have it: each page is touched when it is first needed.
import mmap, random, time
random.seed(22)
size = 90 << 20
pool = mmap.mmap(-1, size)
while True:
    for _ in range(60):
        page = random.randrange(size >> 12) << 12
        pool[page] = 1
    time.sleep(0.2)
