# trace: limit=160M seconds=3900 kind=leak class=leak split=score
# A cache fills in a straight line and stops; what leaks beside it is slower, and goes on.
import random, time
random.seed(8)
cache, kept = {}, []
while True:
    key = len(cache)
    if key < 900:
        cache[key] = bytearray(80_000)
    kept.append(bytearray(random.randrange(52_000)))
    time.sleep(1)
