# trace: limit=128M seconds=6600 kind=leak class=leak split=tune
# A queue whose reader is as fast as the mean of what comes in, less a tenth; what comes in has a period of fifteen minutes.
import collections, math, random, time
random.seed(70)
queue, start, owed = collections.deque(), time.time(), 0.0
while True:
    comes = 10 * (1 + 0.6 * math.sin(2 * math.pi * (time.time() - start) / 900))
    for _ in range(int(comes * random.uniform(0.8, 1.2))):
        queue.append(bytearray(random.randrange(10_000, 30_000)))
    owed += 8.4
    while owed >= 1:
        owed -= 1
        if queue:
            queue.popleft()
    time.sleep(1)
