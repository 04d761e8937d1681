# trace: limit=96M seconds=1500 kind=calm split=score lives=4
# A job loads for a minute and a half to seven tenths of its limit, works on that for some minutes, and ends.
import random, time
rows = []
for _ in range(900):
    rows.append(bytearray(random.randrange(65_000, 85_000)))
    time.sleep(0.1)
for _ in range(180):
    answers = [bytearray(random.randrange(20_000)) for _ in range(50)]
    time.sleep(1)
