# trace: limit=128M seconds=3900 kind=calm split=score
# Days of ten minutes whose peaks are higher until the middle of the week, and lower after it.
import math, random, time
random.seed(29)
pool, start = [], time.time()
while True:
    age = time.time() - start
    week = 1 + 0.5 * math.sin(math.pi * age / 3600)
    wanted = int((30 + 25 * math.sin(2 * math.pi * age / 600)) * week + random.gauss(0, 2))
    while len(pool) < wanted: pool.append(bytearray(1_000_000))
    del pool[max(wanted, 0):]
    time.sleep(1)
