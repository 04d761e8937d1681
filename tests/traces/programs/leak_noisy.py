# trace: limit=128M seconds=420 kind=leak class=leak split=score
# A slow leak below requests that take up to 30 MiB for a moment.
import random, time
random.seed(4)
kept = []
while True:
    work = bytearray(random.randint(0, 30) << 20)
    kept.append(bytearray(130 << 10))
    time.sleep(random.uniform(0.1, 0.8))
    del work
