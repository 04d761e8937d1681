# trace: limit=96M seconds=2400 kind=calm lives=5 split=score
# A job that is started again and again: it reads its rows for two minutes to three quarters and more of its limit, works on them, and ends.
import os, random, time
random.seed(os.getpid())
rows = []
for _ in range(random.randrange(700, 820)):
    rows.append(bytearray(random.randrange(60_000, 130_000)))
    time.sleep(0.16)
for _ in range(200):
    rows[random.randrange(len(rows))] = bytearray(random.randrange(60_000, 130_000))
    time.sleep(1)
