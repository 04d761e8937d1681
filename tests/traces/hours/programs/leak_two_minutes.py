# trace: limit=96M seconds=600 kind=leak class=leak split=tune lives=3
# Killed within two minutes of its start, life after life.
import random, time
random.seed(2)
kept = []
while True:
    kept.append(bytearray(random.randrange(100_000, 300_000)))
    time.sleep(0.25)
