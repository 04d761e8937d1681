# trace: limit=160M seconds=2400 kind=calm split=score
# Each report leaves a part of what it took in a cache that is emptied once it is large.
import random, time
random.seed(321)
cache = []
while True:
    time.sleep(random.uniform(15, 60))
    report = bytearray(random.randrange(20 << 20, 50 << 20))
    time.sleep(3)
    del report
    cache.append(bytearray(random.randrange(1 << 20, 6 << 20)))
    if sum(map(len, cache)) > 70 << 20: cache.clear()
