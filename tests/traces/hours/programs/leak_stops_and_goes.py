# trace: limit=96M seconds=3300 kind=leak class=leak split=score
# It leaks while it is used: ten minutes, and five at rest.
import random, time
random.seed(417)
kept, start = [], time.time()
while True:
    if (time.time() - start) % 900 < 600:
        kept.append(bytearray(random.randrange(25_000, 75_000)))
    time.sleep(1)
