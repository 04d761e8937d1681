# trace: limit=96M seconds=3300 kind=leak class=leak split=score
# It leaks with its load, which swells and ebbs in fourteen minutes, and its answers take memory with the load too.
import math, random, time
random.seed(413)
kept, start = [], time.time()
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 840 + 3)
    kept.append(bytearray(int(30_000 * load * random.uniform(0.5, 1.5))))
    answers = [bytearray(int(60_000 * load * random.random())) for _ in range(200)]
    time.sleep(1)
