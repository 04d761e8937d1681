# trace: limit=192M seconds=420 kind=calm class=warmup,steady split=score compressed=1440
# Mornings and nights: sessions follow the day (a minute here), but what a heap once took it does not give back.
import math, random, time
random.seed(13)
sessions, start, noon = [], time.time(), 300
while True:
    day = (time.time() - start) / 60
    if day % 1 < 0.01:
        noon = random.randint(240, 380)
    wanted = 60 + noon * (1 - math.cos(2 * math.pi * day)) / 2
    while len(sessions) < wanted:
        sessions.append(bytearray(300 << 10))
    while len(sessions) > wanted + 5:
        sessions.pop(random.randrange(len(sessions)))
    time.sleep(0.2)
