# trace: limit=96M seconds=2400 kind=calm split=score
# Names are interned: new ones come ever more seldom, yet never cease to.
import math, time
kept, start = [], time.time()
while True:
    wanted = int(85 * math.log1p((time.time() - start) / 8))
    while len(kept) < wanted: kept.append(bytearray(130_000))
    time.sleep(1)
