# trace: limit=96M seconds=2800 kind=calm split=score
# A cache of what few ask for often and many seldom: it fills by misses, more and more slowly, to its bound.
import random, time
random.seed(407)
cache = {}
while True:
    for _ in range(40):
        key = int(random.paretovariate(0.55))
        if key not in cache and len(cache) < 3900:
            cache[key] = bytearray(20_000)
    time.sleep(1)
