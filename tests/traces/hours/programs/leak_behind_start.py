# trace: limit=96M seconds=2900 kind=leak class=leak split=score
# A service that takes three fifths of its limit within forty seconds of its start, and leaks the rest away in half an hour.
import random, time
random.seed(308)
heap = []
while len(heap) < 57:
    heap.append(bytearray(1 << 20))
    time.sleep(0.7)
while True:
    heap.append(bytearray(random.randrange(32_000)))
    time.sleep(1)
