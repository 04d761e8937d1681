# trace: limit=96M seconds=900 kind=calm split=score lives=4
# A job that loads its data within half a minute to 85 % of its limit, works on it for two minutes and ends.
import time
data = []
while len(data) < 74:
    data.append(bytearray(1 << 20))
    time.sleep(0.4)
time.sleep(120)
