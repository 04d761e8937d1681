# trace: limit=160M seconds=6600 kind=leak class=leak split=score
# Two processes below one limit: one takes and frees up to a third of it at random, the other grows evenly.
import os, random, time
random.seed(68)
if os.fork() == 0:
    while True:
        work = [bytearray(1 << 19) for _ in range(random.randrange(4, 100))]
        time.sleep(random.randrange(10, 150))
        work = None
        time.sleep(random.randrange(5, 60))
kept = []
while True:
    kept.append(bytearray(random.randrange(5_000, 40_000)))
    time.sleep(1)
