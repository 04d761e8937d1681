# trace: limit=128M seconds=3300 kind=leak class=leak split=score
# Each request leaves a little, and they come evenly: forty-five minutes.
import random, time
random.seed(414)
kept = []
while True:
    kept.append(bytearray(random.randrange(20_000, 72_000)))
    time.sleep(1)
