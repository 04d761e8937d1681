# trace: limit=256M seconds=420 kind=leak class=leak split=tune
# A leak in jobs: nothing for a while, then some at once.
import random, time
random.seed(7)
kept = []
while True:
    kept.append(bytearray(random.randint(3, 9) << 20))
    time.sleep(random.uniform(4, 12))
