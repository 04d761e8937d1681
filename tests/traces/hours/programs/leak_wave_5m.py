# trace: limit=128M seconds=3900 kind=leak class=leak split=score
# A leak in the code of a job that runs in waves of five minutes: it stands still for two of them.
import random, time
random.seed(5)
kept, start = [], time.time()
while True:
    if (time.time() - start) % 300 < 180:
        kept.append(bytearray(random.randrange(40_000, 100_000)))
    time.sleep(1)
