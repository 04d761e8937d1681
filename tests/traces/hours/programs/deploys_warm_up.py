# trace: limit=96M seconds=6300 kind=calm split=score
# Deployed every half hour; each time a cache warms up within twelve minutes to two thirds of the limit.
import os, random, sys, time
random.seed(87)
cache, start = [], time.time()
while True:
    if len(cache) < 700:
        cache.append(bytearray(random.randrange(50_000, 110_000)))
    else:
        cache[random.randrange(700)] = bytearray(random.randrange(50_000, 110_000))
    if time.time() - start > 1800:
        os.execv(sys.executable, [sys.executable, __file__])
    time.sleep(1)
