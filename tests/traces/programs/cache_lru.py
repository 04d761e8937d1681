# trace: limit=192M seconds=300 kind=calm class=steady split=tune
# A cache with a capacity: it grows until it is full.
import collections, random, time
random.seed(3)
cache = collections.OrderedDict()
while True:
    cache[random.random()] = bytearray(200 << 10)
    if len(cache) > 400:
        cache.popitem(last=False)
    time.sleep(0.2)
