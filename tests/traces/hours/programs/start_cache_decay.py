# trace: limit=96M seconds=1500 kind=calm split=tune
# A cache that starts cold: fewer misses the fuller it is; nearly nine tenths of its limit in the end.
import random, time
random.seed(303)
cache, keys = {}, 800
while True:
    for _ in range(14):
        key = random.randrange(keys)
        if key not in cache:
            cache[key] = bytearray(100_000)
    time.sleep(1)
