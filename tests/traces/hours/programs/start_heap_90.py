# trace: limit=96M seconds=400 kind=calm split=score
# A runtime that takes nine tenths of its limit within half a minute, and works in it.
import random, time
random.seed(113)
heap = []
while len(heap) < 78:
    heap.append(bytearray(1 << 20))
    time.sleep(0.37)
while True:
    heap[random.randrange(78)] = bytearray(1 << 20)
    time.sleep(0.5)
