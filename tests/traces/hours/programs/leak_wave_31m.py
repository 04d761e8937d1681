# trace: limit=160M seconds=3900 kind=leak class=leak split=tune
# A service that leaks with its load: a wave of 31 minutes, from a tenth of its mean to 1.9 times it.
import math, random, time
random.seed(31)
kept, start = [], time.time()
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 1860 - 1)
    kept.append(bytearray(random.randbytes(64) * int(740 * load)))
    answers = [bytearray(int(2000 * load * random.random())) for _ in range(200)]
    time.sleep(1)
