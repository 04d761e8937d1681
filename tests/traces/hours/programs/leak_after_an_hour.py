# trace: limit=128M seconds=6600 kind=leak class=leak split=tune
# An hour of requests that come and go, with a slow wave in them; then a new client leaves its sessions open.
import math, random, time
random.seed(67)
open_, start = [], time.time()
while True:
    age = time.time() - start
    requests = [bytearray(random.randrange(100_000, 400_000)) for _ in range(int(60 + 30 * math.sin(age / 500)))]
    if age > 3600:
        open_.append(bytearray(random.randrange(20_000, 90_000)))
    time.sleep(1)
