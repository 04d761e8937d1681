# trace: limit=160M seconds=3900 kind=calm split=tune
# A cache that fills in a straight line to 78 % of its limit in forty minutes, and stops.
import random, time
random.seed(78)
cache = []
while True:
    if len(cache) < 2400:
        cache.append(bytearray(48_000))
    else:
        cache[random.randrange(2400)] = bytearray(48_000)
    time.sleep(1)
