# trace: limit=96M seconds=6600 kind=leak class=leak split=score
# A service that forgets a little of each request, and a report every twenty minutes that takes a fifth of the limit for two minutes.
import random, time
random.seed(61)
kept, start = [], time.time()
while True:
    kept.append(bytearray(random.randrange(4_000, 28_000)))
    age = (time.time() - start) % 1200
    if age < 120:
        report = [bytearray(200_000) for _ in range(int(age) + 1)]
    else:
        report = None
    time.sleep(1)
