# trace: limit=128M seconds=1800 kind=calm split=tune
# A runtime that takes 90 % of its limit in half a minute, and then works in what it has.
import random, time
random.seed(27)
heap = []
while len(heap) < 105:
    heap.append(bytearray(1 << 20))
    time.sleep(0.28)
while True:
    heap[random.randrange(105)] = bytearray(1 << 20)
    time.sleep(0.5)
