# trace: limit=128M seconds=2400 kind=calm split=tune
# Pages are rendered now and then: within a second half of what is left is taken, and given back soon after.
import random, time
random.seed(320)
base = [bytearray(1 << 20) for _ in range(30)]
while True:
    time.sleep(random.uniform(20, 90))
    picture = bytearray(random.randrange(30 << 20, 70 << 20))
    time.sleep(random.uniform(2, 10))
    del picture
