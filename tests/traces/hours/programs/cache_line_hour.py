# trace: limit=160M seconds=6300 kind=calm split=score
# A cache that fills in a straight line to 72 % of its limit within an hour, and evicts from then on.
import random, time
random.seed(81)
cache = []
while True:
    size = random.randrange(22_000, 38_000)
    if len(cache) < 3_750:
        cache.append(bytearray(size))
    else:
        cache[random.randrange(3_750)] = bytearray(size)
    time.sleep(1)
