# trace: limit=96M seconds=6600 kind=leak class=leak split=score
# Each ten minutes a report of several megabytes is built and kept; nothing happens between.
import random, time
random.seed(69)
reports, work = [], []
while True:
    for _ in range(25):
        work.append(bytearray(random.randrange(300_000, 500_000)))
        time.sleep(1)
    reports.append(bytearray(random.randrange(9_000_000, 11_000_000)))
    work = []
    for _ in range(575):
        answers = [bytearray(random.randrange(40_000)) for _ in range(20)]
        time.sleep(1)
