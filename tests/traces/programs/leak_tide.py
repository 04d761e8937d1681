# trace: limit=192M seconds=420 kind=leak class=leak split=tune compressed=900
# Tides of sessions that all end, above a leak that does not: each high water is a little higher.
import math, mmap, random, time
random.seed(23)
def take(size):
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(bytes(size))
    return memory
kept, sessions, start = [], [], time.time()
while True:
    wanted = 100 * (1 + math.sin(2 * math.pi * (time.time() - start) / 48)) + random.randint(-8, 8)
    while len(sessions) < wanted:
        sessions.append(take(300 << 10))
    while sessions and len(sessions) > wanted + 4:
        sessions.pop(0).close()
    kept.append(take(80 << 10))
    time.sleep(0.2)
