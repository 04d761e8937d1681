# trace: limit=128M seconds=3200 kind=calm split=tune
# Sessions of users, whose number swells and ebbs in twenty minutes, each time to another height.
import math, random, time
random.seed(404)
sessions, start = [], time.time()
while True:
    age = time.time() - start
    high = [0.6, 0.85, 1.0][int(age / 1200) % 3]
    wanted = int(120 + 800 * high * (0.5 - 0.5 * math.cos(2 * math.pi * age / 1200)))
    while len(sessions) < wanted: sessions.append(bytearray(random.randrange(60_000, 140_000)))
    while len(sessions) > wanted: sessions.pop(random.randrange(len(sessions)))
    time.sleep(1)
