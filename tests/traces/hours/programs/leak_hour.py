# trace: limit=80M seconds=3900 kind=leak class=leak split=score
# A slow and even leak, an hour long, in small pieces.
import random, time
random.seed(1)
kept = []
while True:
    kept.extend(bytearray(random.randrange(100, 400)) for _ in range(78))
    time.sleep(1)
