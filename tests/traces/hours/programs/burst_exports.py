# trace: limit=160M seconds=2800 kind=calm split=score
# Exports of some seconds, now and then, each of which leaves something in a cache that is emptied from time to time.
import random, time
random.seed(406)
left, start = [], time.time()
while True:
    if random.random() < 0.02:
        export = bytearray(random.randrange(20_000_000, 60_000_000))
        time.sleep(random.uniform(3, 25))
        left.append(bytearray(random.randrange(1_000_000, 8_000_000)))
        del export
    if len(left) > 12 or random.random() < 0.0006:
        left.clear()
    time.sleep(1)
