# trace: limit=128M seconds=3900 kind=leak class=leak split=score
# A batch every five minutes takes 20 MiB and gives most of it back.
import random, time
random.seed(3)
kept = []
while True:
    work = [bytearray(1 << 20) for _ in range(20)]
    time.sleep(40)
    del work
    kept.append(bytearray(random.randrange(7_000_000, 11_000_000)))
    time.sleep(260)
