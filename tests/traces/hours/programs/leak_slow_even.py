# trace: limit=48M seconds=1380 kind=leak class=leak split=score
# Small pieces at an even pace, for twenty minutes.
import time
kept = []
while True:
    kept.extend(bytearray(200) for _ in range(130))
    time.sleep(1)
