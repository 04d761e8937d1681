# trace: limit=128M seconds=6600 kind=leak class=leak split=score
# Sessions that are never forgotten, under a load with a period of forty minutes, from a tenth of its mean to nearly twice.
import math, random, time
random.seed(63)
sessions, start = [], time.time()
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 2400)
    sessions.append(bytearray(int(26_000 * load * random.uniform(0.7, 1.3))))
    answers = [bytearray(random.randrange(40_000)) for _ in range(int(60 * load))]
    time.sleep(1)
