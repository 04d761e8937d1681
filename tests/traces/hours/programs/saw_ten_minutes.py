# trace: limit=96M seconds=3000 kind=calm split=score
# Every ten minutes what was kept is written away, at about two thirds of the limit.
import random, time
random.seed(411)
kept = []
while True:
    kept.append(bytearray(random.randrange(60_000, 140_000)))
    if len(kept) > random.randrange(560, 680):
        del kept[60:]
    time.sleep(1)
