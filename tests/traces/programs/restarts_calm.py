# trace: limit=128M seconds=420 kind=calm class=warmup,steady split=score lives=5
# Deployed again and again: each life warms up, serves, and ends well.
import random, time
random.seed()
cache, start = {}, time.time()
while time.time() - start < 80:
    cache[random.randrange(400)] = bytearray(150 << 10)
    time.sleep(0.05)
