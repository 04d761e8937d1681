# trace: limit=128M seconds=1500 kind=calm split=score
# An import of four minutes to two thirds of the limit, in a straight line, which then stays.
import time
rows = []
while True:
    if len(rows) < 960:
        rows.append(bytearray(90_000))
        time.sleep(0.25)
    else:
        time.sleep(1)
