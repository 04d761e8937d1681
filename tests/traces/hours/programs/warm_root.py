# trace: limit=96M seconds=2400 kind=calm split=score
# What is warm grows with the root of time: quickly at first, hardly in the end.
import time
kept, start = [], time.time()
while True:
    wanted = int(520 * min(1, (time.time() - start) / 1500) ** 0.5)
    while len(kept) < wanted: kept.append(bytearray(130_000))
    time.sleep(1)
