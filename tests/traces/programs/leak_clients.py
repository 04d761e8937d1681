# trace: limit=192M seconds=420 kind=leak class=leak split=score
# Ever more clients connect, and for each a little is kept with every message: it grows with the square of time.
import time
kept, clients, last = [], 1, time.time()
while True:
    kept.append(bytearray((4 << 10) * clients))
    if time.time() - last > 4:
        clients, last = clients + 1, time.time()
    time.sleep(0.25)
