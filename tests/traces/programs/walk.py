# trace: limit=256M seconds=300 kind=calm class=steady split=tune
# A random walk that comes back: sessions around a mean.
import random, time
random.seed(2)
kept = []
while True:
    target = 250
    if random.random() < 0.5 + (target - len(kept)) / 400:
        kept.append(bytearray(300 << 10))
    elif kept:
        kept.pop(random.randrange(len(kept)))
    time.sleep(0.05)
