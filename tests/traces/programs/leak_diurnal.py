# trace: limit=192M seconds=420 kind=leak class=leak split=score compressed=1440
# A leak that follows the day: a minute here is a day, and at night there are few requests.
import math, time
kept, start = [], time.time()
while True:
    day = (time.time() - start) / 60
    kept.append(bytearray(int((120 << 10) * (1 - 0.9 * math.cos(2 * math.pi * day)))))
    time.sleep(0.2)
