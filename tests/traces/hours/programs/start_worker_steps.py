# trace: limit=128M seconds=1500 kind=calm split=tune
# Twelve workers are started one after the other within a minute and a half; each loads the application.
import os, random, time
for worker in range(12):
    if os.fork() == 0:
        random.seed(worker)
        held = []
        while True:
            if len(held) < 6:
                held.append(bytearray(1 << 20))
            answers = [bytearray(random.randrange(30_000)) for _ in range(20)]
            time.sleep(1)
    time.sleep(7)
time.sleep(5000)
