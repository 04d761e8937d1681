# trace: limit=96M seconds=1500 kind=calm split=score
# A runtime takes 85 % of its limit within half a minute, and collects what it needs no more from then on.
import random, time
random.seed(408)
heap = []
while True:
    for _ in range(random.randrange(20, 30)):
        heap.append(bytearray(22_000))
    if len(heap) * 22_000 > 80_000_000:
        del heap[: random.randrange(700, 1700)]
    time.sleep(0.2)
