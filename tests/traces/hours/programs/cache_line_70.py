# trace: limit=128M seconds=3000 kind=calm split=tune
# A cache takes what it is asked for, the same amount each second, to seven tenths of its limit in twenty-five minutes.
import random, time
random.seed(401)
cache = []
while True:
    for _ in range(2):
        if len(cache) < 2900:
            cache.append(bytearray(random.randrange(25_000, 35_000)))
        else:
            cache[random.randrange(2900)] = bytearray(random.randrange(25_000, 35_000))
    time.sleep(1)
