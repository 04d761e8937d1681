# trace: limit=160M seconds=420 kind=calm class=steady split=tune
# A cache that takes four minutes to fill: for so long nothing but its own bound tells it from a leak.
import collections, random, time
random.seed(21)
cache = collections.OrderedDict()
while True:
    cache[random.random()] = bytearray(random.randint(30, 170) << 10)
    while len(cache) > 1000:
        cache.popitem(last=False)
    time.sleep(0.22)
