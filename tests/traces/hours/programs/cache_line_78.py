# trace: limit=160M seconds=3200 kind=calm split=score
# A cache fills in a straight line to 78 % of its limit in forty minutes, and evicts from then on.
import random, time
random.seed(402)
cache = []
while True:
    size = random.randrange(40_000, 58_000)
    if len(cache) < 2450:
        cache.append(bytearray(size))
    else:
        cache[random.randrange(2450)] = bytearray(size)
    time.sleep(1)
