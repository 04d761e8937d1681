# trace: limit=128M seconds=460 kind=leak class=leak split=tune lives=3
# A unit whose lives leak alike, each after a warm-up of its own length.
import random, time
random.seed()
modules, kept = [], []
for _ in range(random.randint(20, 60)):
    modules.append(bytearray(800 << 10))
    time.sleep(0.3)
while True:
    kept.append(bytearray(random.randint(120, 260) << 10))
    time.sleep(0.25)
