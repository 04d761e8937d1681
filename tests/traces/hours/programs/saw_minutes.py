# trace: limit=96M seconds=1380 kind=calm split=tune
# Pages are dirtied for four minutes and written out at once, again and again.
import random, time
random.seed(111)
base = [bytearray(1 << 20) for _ in range(20)]
while True:
    dirty = []
    for _ in range(240):
        dirty.append(bytearray(random.randrange(350_000)))
        time.sleep(1)
