# trace: limit=64M seconds=1380 kind=leak class=leak split=score
# A leak with its load: a wave of four minutes.
import math, random, time
random.seed(102)
kept, start = [], time.time()
while True:
    load = 1 + 0.95 * math.sin(2 * math.pi * (time.time() - start) / 240 + 0)
    kept.append(bytearray(random.randbytes(64) * int(760 * load)))
    time.sleep(1)
