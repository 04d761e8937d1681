# trace: limit=128M seconds=3300 kind=leak class=leak split=score
# A start takes half the limit in a minute; then it leaks evenly, for half an hour.
import random, time
random.seed(416)
kept = []
for _ in range(600):
    kept.append(bytearray(110_000))
    time.sleep(0.1)
while True:
    kept.append(bytearray(random.randrange(15_000, 55_000)))
    time.sleep(1)
