# trace: limit=128M seconds=3000 kind=calm split=score
# A store fills for ten minutes to 45 % of its limit, rests as long, and fills to 75 %.
import time
store, start = [], time.time()
while True:
    age = time.time() - start
    if age < 600 or 1200 < age < 1600:
        store.append(bytearray(98_000))
    time.sleep(1)
