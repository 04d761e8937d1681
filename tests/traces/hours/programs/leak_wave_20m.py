# trace: limit=64M seconds=3900 kind=leak class=leak split=score
# Nights of half of the time, in which nothing is asked for and nothing leaks; a day is twenty minutes.
import math, random, time
random.seed(20)
kept, start = [], time.time()
while True:
    load = max(0.0, math.sin(2 * math.pi * (time.time() - start) / 1200))
    kept.extend(bytearray(300) for _ in range(int(170 * load * random.uniform(0.7, 1.3))))
    time.sleep(1)
