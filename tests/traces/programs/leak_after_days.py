# trace: limit=192M seconds=420 kind=leak class=leak split=score compressed=1440
# Three days of calm with their noons and nights, then a release that leaks.
import math, time
kept, start = [], time.time()
while True:
    day = (time.time() - start) / 60
    work = bytearray(int((35 << 20) + (25 << 20) * (1 - math.cos(2 * math.pi * day)) / 2))
    if day > 3:
        kept.append(bytearray(220 << 10))
    time.sleep(0.25)
    del work
