# trace: limit=96M seconds=1380 kind=leak class=leak split=tune
# A leak with its load: a wave of ten minutes, from a tenth of its mean to 1.9 times it; the end is near a second trough.
import math, random, time
random.seed(101)
kept, start = [], time.time()
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 600 + -1.5)
    kept.append(bytearray(random.randbytes(64) * int(1150 * load)))
    time.sleep(1)
