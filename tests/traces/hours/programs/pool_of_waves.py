# trace: limit=128M seconds=3900 kind=calm split=score
# Connections that follow a load of twenty minutes up and down, each with its buffers.
import math, random, time
random.seed(21)
pool, start = [], time.time()
while True:
    wanted = int(60 + 45 * math.sin(2 * math.pi * (time.time() - start) / 1200) + random.gauss(0, 3))
    while len(pool) < wanted: pool.append(bytearray(700_000))
    del pool[wanted:]
    time.sleep(1)
