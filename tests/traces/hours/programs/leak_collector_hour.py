# trace: limit=160M seconds=3900 kind=leak class=leak split=score
# A collected heap that leaks: garbage is collected at a share above what lives, and what lives grows with a wave.
import math, random, time
random.seed(9)
live, garbage, size, start = [], [], 0, time.time()
alive = 0
while True:
    load = 1 + 0.8 * math.sin(2 * math.pi * (time.time() - start) / 900)
    piece = int(75_000 * load * random.random())
    live.append(bytearray(piece)); alive += piece
    waste = int(900_000 * load * random.random())
    garbage.append(bytearray(waste)); size += waste
    if size > 12_000_000 + alive // 4:
        garbage, size = [], 0
    time.sleep(1)
