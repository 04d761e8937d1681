# trace: limit=256M seconds=300 kind=calm class=sawtooth,burst split=tune
# A batch a minute: it takes much, works, and gives it back.
import time
while True:
    work = []
    for _ in range(60):
        work.append(bytearray(2 << 20))
        time.sleep(0.15)
    time.sleep(10)
    work.clear()
    time.sleep(25)
