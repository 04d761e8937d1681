# trace: limit=160M seconds=3900 kind=calm split=tune
# A database: pages are dirtied until a checkpoint every five minutes, a vacuum comes each twenty.
import random, time
random.seed(24)
buffers = [bytearray(1 << 20) for _ in range(50)]
dirty, vacuum, start = [], [], time.time()
while True:
    age = time.time() - start
    dirty.append(bytearray(random.randrange(250_000)))
    if age % 300 < 1: dirty.clear()
    vacuum = [bytearray(1 << 20) for _ in range(30)] if age % 1200 < 100 else []
    time.sleep(1)
