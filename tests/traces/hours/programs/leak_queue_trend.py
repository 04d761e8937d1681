# trace: limit=96M seconds=3900 kind=leak class=leak split=tune
# A queue whose reader is a little too slow: it grows by day, and is worked off by a part at night.
import math, random, time
from collections import deque
random.seed(6)
queue, start = deque(), time.time()
while True:
    day = math.sin(2 * math.pi * (time.time() - start) / 1000)
    for _ in range(int(104 + 90 * day + random.gauss(0, 10))):
        queue.append(bytearray(1000))
    for _ in range(min(len(queue), 76)):
        queue.popleft()
    time.sleep(1)
