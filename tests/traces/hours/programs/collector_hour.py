# trace: limit=128M seconds=3900 kind=calm split=score
# A collected heap under a load that breathes: nothing leaks.
import math, random, time
random.seed(22)
live = [bytearray(300_000) for _ in range(80)]
garbage, size, start = [], 0, time.time()
while True:
    load = 1 + 0.9 * math.sin(2 * math.pi * (time.time() - start) / 800)
    live[random.randrange(80)] = bytearray(random.randrange(200_000, 400_000))
    waste = int(700_000 * load * random.random())
    garbage.append(bytearray(waste)); size += waste
    if size > 45_000_000:
        garbage, size = [], 0
    time.sleep(1)
