# trace: limit=128M seconds=3300 kind=leak class=leak split=tune
# Sessions swell and ebb in nine minutes, and of each some is kept.
import math, random, time
random.seed(415)
kept, sessions, start = [], [], time.time()
while True:
    age = time.time() - start
    wanted = int(300 * (0.5 - 0.5 * math.cos(2 * math.pi * age / 540)))
    while len(sessions) < wanted:
        sessions.append(bytearray(random.randrange(60_000, 140_000)))
        kept.append(bytearray(70_000))
    while len(sessions) > wanted: sessions.pop(0)
    time.sleep(1)
