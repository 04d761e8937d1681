# trace: limit=128M seconds=6300 kind=calm split=tune
# A cache of what readers ask for, some things much more often than others: it fills ever more slowly.
import random, time
random.seed(82)
cache = {}
while True:
    for _ in range(12):
        key = int(random.paretovariate(0.55))
        if key < 40_000 and key not in cache:
            cache[key] = bytearray(random.randrange(20_000, 48_000))
    time.sleep(1)
