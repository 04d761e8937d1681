# trace: limit=96M seconds=1380 kind=calm split=score
# Buffers that follow a load of eight minutes up and down.
import math, random, time
random.seed(110)
pool, start = [], time.time()
while True:
    wanted = int(55 + 40 * math.sin(2 * math.pi * (time.time() - start) / 480) + random.gauss(0, 2))
    while len(pool) < wanted: pool.append(bytearray(600_000))
    del pool[wanted:]
    time.sleep(1)
