# trace: limit=256M seconds=420 kind=leak class=leak split=tune
# A leak below a sawtooth: buffers fill and are freed, and a little stays each time.
import time
kept, work = [], []
while True:
    work.append(bytearray(2 << 20))
    kept.append(bytearray(330 << 10))
    if len(work) > 24:
        work.clear()
    time.sleep(0.4)
