# trace: limit=128M seconds=3000 kind=leak class=leak split=tune
# Connections come and go in a wave of ten minutes and take a third of the limit at most; something is kept of each.
import math, random, time
random.seed(315)
pool, kept, start = [], [], time.time()
while True:
    wanted = int(190 + 190 * math.sin(2 * math.pi * (time.time() - start) / 600 - 1))
    while len(pool) < wanted: pool.append(bytearray(100_000))
    while len(pool) > wanted: pool.pop()
    kept.append(bytearray(random.randrange(70_000)))
    time.sleep(1)
