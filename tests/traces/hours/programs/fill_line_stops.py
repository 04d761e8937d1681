# trace: limit=96M seconds=1380 kind=calm split=tune
# A cache that fills in a straight line for twelve minutes to three quarters of its limit, and stops.
import random, time
random.seed(108)
cache = []
while True:
    if len(cache) < 720:
        cache.append(bytearray(95_000))
    else:
        cache[random.randrange(720)] = bytearray(95_000)
    time.sleep(1)
