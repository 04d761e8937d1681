# trace: limit=128M seconds=3000 kind=calm split=score
# A store fills in a straight line to 85 % of its limit in thirty-five minutes, and evicts from then on.
import random, time
random.seed(316)
store = []
while True:
    if len(store) < 2100:
        store.append(bytearray(52_000))
    else:
        store[random.randrange(2100)] = bytearray(52_000)
    time.sleep(1)
