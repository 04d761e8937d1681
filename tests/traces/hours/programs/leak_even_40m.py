# trace: limit=96M seconds=3000 kind=leak class=leak split=tune
# Every request is remembered; load is even.
import random, time
random.seed(324)
kept = []
while True:
    kept.append(bytearray(random.randrange(72_000)))
    answers = [bytearray(random.randrange(20_000)) for _ in range(30)]
    time.sleep(1)
