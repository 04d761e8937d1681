# trace: limit=96M seconds=3900 kind=leak class=leak split=score
# Sessions that are never forgotten, under a load that breathes every twelve minutes; answers come and go beside them.
import math, random, time
random.seed(12)
sessions, start = {}, time.time()
while True:
    load = max(0.0, 1 + 1.1 * math.sin(2 * math.pi * (time.time() - start) / 720))
    for _ in range(int(12 * load * random.uniform(0.5, 1.5))):
        sessions[random.getrandbits(64)] = bytearray(random.randrange(500, 4000))
    answers = [bytearray(random.randrange(1 << 14)) for _ in range(int(300 * load))]
    time.sleep(1)
