# trace: limit=192M seconds=420 kind=leak class=leak split=tune
# A steady leak: a request keeps a little of what it made.
import time
kept = []
while True:
    kept.append(bytes(bytearray(120 << 10)))
    time.sleep(0.2)
