# trace: limit=96M seconds=3000 kind=leak class=leak split=tune
# It leaks with its load, which swells and ebbs in a quarter of an hour.
import math, random, time
random.seed(312)
kept, start = [], time.time()
while True:
    load = 1 + 0.85 * math.sin(2 * math.pi * (time.time() - start) / 900 + 0.5)
    kept.append(bytearray(int(36_000 * load * random.uniform(0.5, 1.5))))
    time.sleep(1)
