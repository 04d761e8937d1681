# trace: limit=128M seconds=1800 kind=calm split=score
# An import of six minutes in five parts, with a moment's rest after each, to three quarters of its limit.
import random, time
random.seed(410)
rows = []
for part in range(5):
    for _ in range(130):
        rows.append(bytearray(random.randrange(110_000, 180_000)))
        time.sleep(0.5)
    time.sleep(8)
while True:
    time.sleep(1)
