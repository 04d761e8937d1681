# trace: limit=64M seconds=400 kind=calm split=score
# An LRU cache that is full forty seconds after its start, at nine tenths of its limit.
import random, time
from collections import OrderedDict
random.seed(114)
cache = OrderedDict()
while True:
    for _ in range(20):
        key = random.randrange(40_000)
        if key in cache: cache.move_to_end(key)
        else:
            cache[key] = bytearray(20_000)
            if len(cache) > 2450: cache.popitem(last=False)
    time.sleep(0.33)
