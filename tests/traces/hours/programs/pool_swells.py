# trace: limit=128M seconds=3000 kind=calm split=score
# Connections come and go in waves of a quarter of an hour, not all as high.
import math, random, time
random.seed(319)
pool, start, high = [], time.time(), 1.0
while True:
    age = time.time() - start
    wave = int(age / 900)
    high = [0.7, 1.0, 0.8, 0.95][wave % 4]
    wanted = int(150 + 750 * high * math.sin(math.pi * (age % 900) / 900) ** 2)
    while len(pool) < wanted: pool.append(bytearray(100_000))
    while len(pool) > wanted: pool.pop()
    answers = [bytearray(random.randrange(50_000)) for _ in range(20)]
    time.sleep(1)
