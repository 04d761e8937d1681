# trace: limit=160M seconds=420 kind=leak class=shmem split=tune
# A file on a tmpfs that is written to and never rotated.
import os, time
path = f"/dev/shm/oomtrace-trace-{os.getpid()}"
file = open(path, "wb", buffering=0)
os.unlink(path)
while True:
    file.write(bytes(110 << 10))
    time.sleep(0.25)
