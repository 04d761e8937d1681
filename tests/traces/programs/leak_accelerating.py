# trace: limit=192M seconds=420 kind=leak class=leak split=tune
# A leak that grows with what it has leaked: every entry is copied into a growing index.
import time
kept, rate = [], 60 << 10
while True:
    kept.append(bytearray(int(rate)))
    rate *= 1.004
    time.sleep(0.25)
