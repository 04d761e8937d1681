# trace: limit=96M seconds=1800 kind=calm split=score
# An LRU cache that is full, at 90 % of the limit, three quarters of a minute after the start.
import random, time
from collections import OrderedDict
random.seed(28)
cache = OrderedDict()
while True:
    for _ in range(25):
        key = int(random.paretovariate(0.6)) % 40_000
        if key in cache: cache.move_to_end(key)
        else:
            cache[key] = bytearray(60_000)
            if len(cache) > 1280: cache.popitem(last=False)
    time.sleep(0.3)
