# trace: limit=96M seconds=1380 kind=leak class=leak split=score
# A runtime that takes four fifths of its limit at once, and leaks from there under waves of five minutes.
import math, random, time
random.seed(105)
heap, start = [], time.time()
while len(heap) < 70:
    heap.append(bytearray(1 << 20))
    time.sleep(0.4)
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 300)
    heap.append(bytearray(int(15_500 * load)))
    time.sleep(1)
