# trace: limit=64M seconds=500 kind=leak class=leak split=score lives=3
# Killed two minutes after its start, three times.
import time
kept = []
while True:
    kept.append(bytearray(220_000))
    time.sleep(0.5)
