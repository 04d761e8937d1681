# trace: limit=128M seconds=420 kind=leak class=shmem split=score
# Logs on a tmpfs are rotated and packed, and the old ones are all kept.
import os, time
def tmpfs():
    return open(os.memfd_create("log"), "wb", buffering=0)
kept = []
while True:
    log = tmpfs()
    for _ in range(100):
        log.write(bytes(300 << 10))
        time.sleep(0.3)
    packed = tmpfs()
    packed.write(bytes(10 << 20))
    kept.append(packed)
    log.close()
