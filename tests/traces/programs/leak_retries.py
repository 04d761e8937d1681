# trace: limit=160M seconds=420 kind=leak class=leak split=tune
# Failed jobs are kept to be tried again, and every hour that a dependency is down more of them fail.
import random, time
random.seed(24)
failed, start = [], time.time()
while True:
    down = (time.time() - start) % 90 > 60
    for _ in range(8):
        if random.random() < (0.75 if down else 0.12):
            failed.append(bytearray(random.randint(10, 60) << 10))
    time.sleep(0.2)
