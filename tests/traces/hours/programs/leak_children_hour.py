# trace: limit=128M seconds=3900 kind=leak class=leak split=score
# Workers that are replaced every four minutes give back what they held; what their parent keeps of each does not come back.
import os, random, time
random.seed(4)
kept = []
while True:
    child = os.fork()
    if child == 0:
        held, end = [], time.time() + 240
        while time.time() < end:
            held.append(bytearray(random.randrange(120_000)))
            time.sleep(1)
        os._exit(0)
    until = time.time() + 235
    while time.time() < until:
        kept.append(bytearray(random.randrange(70_000)))
        time.sleep(1)
    os.waitpid(child, 0)
