# trace: limit=96M seconds=1800 kind=calm split=tune
# A server that makes its workers within twenty seconds; each takes its share, and that is all.
import os, random, time
for worker in range(8):
    if os.fork() == 0:
        random.seed(worker)
        held = [bytearray(1 << 20) for _ in range(7)]
        while True:
            answers = [bytearray(random.randrange(20_000)) for _ in range(20)]
            time.sleep(1)
    time.sleep(2.5)
time.sleep(5000)
