# trace: limit=96M seconds=3900 kind=leak class=leak split=score
# Calm for twenty-five minutes, with requests that come and go; then a new kind of them leaks.
import random, time
random.seed(25)
kept, start = [], time.time()
pool = [bytearray(200_000) for _ in range(100)]
while True:
    pool[random.randrange(100)] = bytearray(random.randrange(100_000, 300_000))
    if time.time() - start > 1500:
        kept.append(bytearray(random.randrange(80_000)))
    time.sleep(1)
