# trace: limit=192M seconds=420 kind=leak class=leak split=tune
# Sessions come and go, and more come than go.
import random, time
random.seed(11)
kept = []
while True:
    for _ in range(random.randint(0, 6)):
        kept.append(bytearray(random.randint(20, 400) << 10))
    if kept and random.random() < 0.6:
        for _ in range(min(len(kept), random.randint(0, 6))):
            kept.pop(random.randrange(len(kept)))
    time.sleep(0.5)
