# trace: limit=96M seconds=1500 kind=calm split=score
# A runtime grows its heap to four fifths of its limit within forty seconds of its start, collects, and grows it no more.
import random, time
random.seed(301)
live = [bytearray(1 << 20) for _ in range(10)]
young = []
while True:
    young.append(bytearray(256 << 10))
    if len(young) > 260:
        del young[random.randrange(120, 200):]
    time.sleep(0.15)
