# trace: limit=64M seconds=900 kind=leak class=leak split=score lives=4
# Killed a minute and a half after its start, life after life.
import os, random, time
random.seed(os.getpid())
kept = []
while True:
    kept.append(bytearray(random.randrange(80_000, 240_000)))
    time.sleep(0.25)
