# trace: limit=192M seconds=420 kind=leak class=leak split=tune
# Calm for a long time, then a leak.
import time
kept = [bytearray(40 << 20)]
time.sleep(150)
while True:
    kept.append(bytearray(250 << 10))
    time.sleep(0.25)
