# trace: limit=128M seconds=300 kind=calm class=sawtooth,shmem,steady split=score
# Logs on a tmpfs, rotated by size, of which three are kept.
import collections, os, random, time
random.seed(14)
kept = collections.deque(maxlen=3)
while True:
    kept.append(open(os.memfd_create("log"), "wb", buffering=0))
    for _ in range(random.randint(60, 110)):
        kept[-1].write(bytes(200 << 10))
        time.sleep(0.4)
