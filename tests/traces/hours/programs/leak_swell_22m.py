# trace: limit=128M seconds=3000 kind=leak class=leak split=score
# It leaks with its load, which swells and ebbs in twenty-two minutes, and answers take memory too.
import math, random, time
random.seed(313)
kept, start = [], time.time()
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 1320 - 1.5)
    kept.append(bytearray(int(50_000 * load * random.uniform(0.5, 1.5))))
    answers = [bytearray(int(40_000 * load * random.random())) for _ in range(100)]
    time.sleep(1)
