# trace: limit=96M seconds=6300 kind=calm split=score
# What is remembered of each client for twenty-five minutes: it only grows until the first is forgotten.
import collections, random, time
random.seed(90)
clients = collections.deque()
while True:
    now = time.time()
    for _ in range(random.randrange(4, 10)):
        clients.append((now + 1500, bytearray(random.randrange(2_000, 9_000))))
    while clients and clients[0][0] < now:
        clients.popleft()
    time.sleep(1)
