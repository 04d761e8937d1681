# trace: limit=96M seconds=1200 kind=leak class=leak split=score lives=3
# Killed three minutes after its start: every request keeps something, and load comes and goes.
import os, random, time
random.seed(os.getpid())
kept, load = [], 5.0
while True:
    load = min(12, max(1, load + random.gauss(0, 1)))
    for _ in range(int(load)):
        kept.append(bytearray(random.randrange(50_000, 120_000)))
    answers = [bytearray(random.randrange(50_000)) for _ in range(int(load * 3))]
    time.sleep(1)
