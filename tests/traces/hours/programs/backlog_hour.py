# trace: limit=128M seconds=3900 kind=calm split=score
# A queue that fills for ten minutes at an even pace while its reader is restarted, and is worked off.
import random, time
random.seed(30)
queue, start = [], time.time()
while True:
    age = (time.time() - start) % 1500
    if 400 <= age < 1000:
        queue.append(bytearray(random.randrange(60_000, 180_000)))
    else:
        del queue[:5]
    time.sleep(1)
