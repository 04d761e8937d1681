# trace: limit=96M seconds=1380 kind=calm split=score
# A cache of keys that are ever more often there already.
import random, time
random.seed(109)
cache = {}
while True:
    for _ in range(50):
        key = random.randrange(9_000)
        if key not in cache:
            cache[key] = bytearray(7_500)
    time.sleep(1)
