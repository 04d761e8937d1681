# trace: limit=96M seconds=6300 kind=calm split=score
# Statements that are prepared once and kept, for connections that come and go with a period of half an hour.
import math, random, time
random.seed(92)
statements, start = {}, time.time()
while True:
    load = 1 + 0.8 * math.sin(2 * math.pi * (time.time() - start) / 1800)
    for _ in range(3):
        statements.setdefault(int(random.expovariate(1 / 700)), bytearray(random.randrange(4_000, 14_000)))
    connections = [bytearray(300_000) for _ in range(int(30 * load))]
    time.sleep(1)
