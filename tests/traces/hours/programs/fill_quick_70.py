# trace: limit=128M seconds=2400 kind=calm split=tune
# A store fills in a straight line to 70 % of its limit in ten minutes.
import random, time
random.seed(317)
store = []
while True:
    if len(store) < 600:
        store.append(bytearray(150_000))
    else:
        store[random.randrange(600)] = bytearray(150_000)
    time.sleep(1)
