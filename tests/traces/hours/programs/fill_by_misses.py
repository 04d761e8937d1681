# trace: limit=128M seconds=3900 kind=calm split=score
# A cache of 90 MiB that fills by misses: ever more slowly.
import random, time
random.seed(90)
cache = {}
while True:
    for _ in range(40):
        key = random.randrange(15_000)
        if key not in cache:
            cache[key] = bytearray(6_000)
    time.sleep(1)
