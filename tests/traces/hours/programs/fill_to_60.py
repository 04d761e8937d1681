# trace: limit=128M seconds=3900 kind=calm split=tune
# An index is read into memory for twenty minutes at an even pace, and then used.
import random, time
random.seed(60)
index = []
while True:
    if len(index) < 1200:
        index.append(bytearray(55_000))
    answers = [bytearray(1000) for _ in range(random.randrange(100))]
    time.sleep(1)
