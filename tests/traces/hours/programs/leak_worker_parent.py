# trace: limit=96M seconds=1380 kind=leak class=leak split=score
# Workers that live for ninety seconds give back what they held; the parent's notes of them stay.
import os, random, time
random.seed(107)
kept = []
while True:
    child = os.fork()
    if child == 0:
        held, end = [], time.time() + 90
        while time.time() < end:
            held.append(bytearray(random.randrange(250_000)))
            time.sleep(1)
        os._exit(0)
    until = time.time() + 88
    while time.time() < until:
        kept.append(bytearray(random.randrange(140_000)))
        time.sleep(1)
    os.waitpid(child, 0)
