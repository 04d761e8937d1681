# trace: limit=192M seconds=420 kind=calm class=sawtooth,shrinking split=score compressed=1440
# Mornings and nights: sessions follow the day (a minute here), each gives back what it took, and no day is like the other.
import math, mmap, random, time
random.seed(13)
sessions, start, noon, last = [], time.time(), 300, 0
while True:
    day = (time.time() - start) / 60
    if int(day) != last:
        noon, last = random.randint(240, 480), int(day)
    wanted = 60 + noon * (1 - math.cos(2 * math.pi * day)) / 2
    while len(sessions) < wanted:
        session = mmap.mmap(-1, 300 << 10, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        session.write(bytes(300 << 10))
        sessions.append(session)
    while len(sessions) > wanted + 5:
        sessions.pop(random.randrange(len(sessions))).close()
    time.sleep(0.2)
