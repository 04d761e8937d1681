# trace: limit=128M seconds=6600 kind=leak class=leak split=tune
# An index of all names that were ever asked for: a dictionary that doubles, with small entries.
import random, time
random.seed(71)
index = {}
while True:
    for _ in range(random.randrange(60, 220)):
        index[random.getrandbits(60)] = str(random.getrandbits(100))
    time.sleep(1)
