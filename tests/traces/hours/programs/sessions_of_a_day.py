# trace: limit=128M seconds=6300 kind=calm split=tune
# Sessions under a load with a period of fifty minutes, from a sixth to three quarters of the limit, each for four minutes.
import collections, math, random, time
random.seed(85)
sessions, start = collections.deque(), time.time()
while True:
    now = time.time()
    load = 1 - 0.7 * math.cos(2 * math.pi * (now - start) / 3000)
    for _ in range(int(10 * load * random.uniform(0.8, 1.2))):
        sessions.append((now + 240, bytearray(random.randrange(10_000, 30_000))))
    while sessions and sessions[0][0] < now:
        sessions.popleft()
    time.sleep(1)
