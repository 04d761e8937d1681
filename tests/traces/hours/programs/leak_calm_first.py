# trace: limit=64M seconds=1380 kind=leak class=leak split=score
# Ten calm minutes, then a release that leaks a little with each request.
import random, time
random.seed(106)
kept, start = [], time.time()
pool = [bytearray(100_000) for _ in range(100)]
while True:
    pool[random.randrange(100)] = bytearray(random.randrange(50_000, 150_000))
    if time.time() - start > 600:
        kept.append(bytearray(random.randrange(140_000)))
    time.sleep(1)
