# trace: limit=128M seconds=6300 kind=calm split=tune
# Pages of a database: a buffer pool that fills to its bound, a checkpoint each five minutes, a vacuum each twenty-five.
import random, time
random.seed(83)
pool, dirty, start = {}, [], time.time()
while True:
    for _ in range(10):
        page = int(random.expovariate(1 / 2_000))
        if page not in pool and len(pool) >= 6_500:
            pool.pop(next(iter(pool)))
        pool[page] = bytearray(8_192)
    age = time.time() - start
    dirty.append(bytearray(random.randrange(30_000, 60_000)))
    if age % 300 < 1:
        dirty = []
    vacuum = [bytearray(250_000) for _ in range(60)] if age % 1500 > 1410 else None
    time.sleep(1)
