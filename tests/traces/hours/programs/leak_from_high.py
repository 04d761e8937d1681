# trace: limit=128M seconds=3900 kind=leak class=leak split=tune
# Filled to seven eighths within a minute, as a runtime takes its heap; from there it leaks to its end, under waves.
import math, random, time
random.seed(7)
heap, start = [], time.time()
while len(heap) < 100:
    heap.append(bytearray(1 << 20))
    time.sleep(0.5)
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 700)
    heap.append(bytearray(int(13_000 * load * random.random())))
    time.sleep(1)
