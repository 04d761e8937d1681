# trace: limit=192M seconds=420 kind=calm class=sawtooth split=score
# A report is gathered row by row, then sent and forgotten: from below it looks like a leak.
import random, time
random.seed(15)
while True:
    rows = []
    for _ in range(random.randint(120, 220)):
        rows.append(bytearray(500 << 10))
        time.sleep(0.25)
    del rows
    time.sleep(12)
