# trace: limit=96M seconds=300 kind=calm class=cache,kernel,steady,sawtooth split=score
# Looks for files that are not there: the kernel remembers each name, and forgets it when memory is short.
import os, time
number = 0
while True:
    for _ in range(600):
        number += 1
        os.path.exists(f"there-is-no-file-with-such-a-long-name-as-this-one-{number}")
    time.sleep(0.2)
