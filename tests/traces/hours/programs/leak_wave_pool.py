# trace: limit=128M seconds=1380 kind=leak class=leak split=score
# A pool that follows a load of six minutes up and down, and a leak a quarter of it beside it.
import math, random, time
random.seed(103)
kept, pool, start = [], [], time.time()
while True:
    load = 1 + 0.8 * math.sin(2 * math.pi * (time.time() - start) / 360)
    wanted = int(30 * load)
    while len(pool) < wanted: pool.append(bytearray(700_000))
    del pool[wanted:]
    kept.append(bytearray(int(64_000 * load)))
    time.sleep(1)
