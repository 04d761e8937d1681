# trace: limit=128M seconds=3300 kind=leak class=leak split=score
# It leaks with its load, which swells and ebbs in twenty-six minutes between 15 % and 185 % of its mean.
import math, random, time
random.seed(412)
kept, start = [], time.time()
while True:
    load = 1 + 0.85 * math.sin(2 * math.pi * (time.time() - start) / 1560 + 0.5)
    kept.append(bytearray(int(42_000 * load * random.uniform(0.7, 1.3))))
    answers = [bytearray(int(2_000 * load * random.random())) for _ in range(200)]
    time.sleep(1)
