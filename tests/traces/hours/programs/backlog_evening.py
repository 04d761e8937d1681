# trace: limit=96M seconds=3000 kind=calm split=tune
# Twice a consumer is away for a while: its queue grows to two thirds of the limit, and is worked off in half the time.
import random, time
random.seed(403)
queue, start = [], time.time()
while True:
    age = (time.time() - start) % 1500
    if 200 < age < 950:
        queue.append(bytearray(random.randrange(60_000, 100_000)))
    else:
        del queue[:3]
    answers = [bytearray(random.randrange(30_000)) for _ in range(30)]
    time.sleep(1)
