# trace: limit=64M seconds=3000 kind=leak class=leak split=score
# It leaks with its load, which swells and ebbs in nine minutes.
import math, random, time
random.seed(314)
kept, start = [], time.time()
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 540 + 2)
    kept.append(bytearray(int(24_000 * load * random.uniform(0.5, 1.5))))
    time.sleep(1)
