# trace: limit=96M seconds=480 kind=leak class=leak split=score lives=4
# A unit that leaks, is killed, is started again, and leaks again: what one life took, the next will take.
import random, time
random.seed()
kept, modules = [], bytearray(18 << 20)
while True:
    kept.append(bytearray(random.randint(60, 220) << 10))
    time.sleep(0.2)
