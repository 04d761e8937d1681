# trace: limit=96M seconds=6600 kind=leak class=leak split=score
# What a worker keeps of each job, under a load that rises and falls every twenty-five minutes, with a pool beside it.
import math, random, time
random.seed(64)
kept, start = [], time.time()
while True:
    load = 1 - 0.8 * math.cos(2 * math.pi * (time.time() - start) / 1500)
    for _ in range(int(4 * load * random.uniform(0.5, 1.5))):
        kept.append(bytearray(random.randrange(1_000, 8_000)))
    pool = [bytearray(400_000) for _ in range(int(20 * load))]
    time.sleep(1)
