# trace: limit=192M seconds=420 kind=calm class=sawtooth,steady split=tune
# A pool of workers, each of which is replaced when it has become too large.
import os, random, time
def worker():
    random.seed()
    kept, size = [], 0
    while size < 26 << 20:
        piece = random.randint(40, 400) << 10
        kept.append(bytearray(piece))
        size += piece
        time.sleep(random.uniform(0.1, 0.6))
    os._exit(0)
def start():
    if os.fork() == 0:
        worker()
for _ in range(4):
    start()
    time.sleep(4)
while True:
    os.wait()
    start()
