# trace: limit=128M seconds=1800 kind=calm split=score lives=6
# A batch that loads its data in half a minute to 85 % of the limit, works on it and ends, life after life.
import random, time
data = []
while len(data) < 99:
    data.append(bytearray(1 << 20))
    time.sleep(0.3)
time.sleep(200)
