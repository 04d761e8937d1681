# trace: limit=96M seconds=1500 kind=leak class=leak split=score lives=2
# Every fifteen seconds a session of four megabytes is forgotten.
import random, time
random.seed(311)
kept = []
while True:
    for _ in range(random.randrange(10, 20)):
        answers = [bytearray(random.randrange(40_000)) for _ in range(10)]
        time.sleep(1)
    kept.append(bytearray(random.randrange(3 << 20, 5 << 20)))
