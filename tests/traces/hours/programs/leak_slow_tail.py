# trace: limit=64M seconds=7000 kind=leak class=leak split=score
# Left running for long: most of its limit is held, and it takes two hundred kilobytes a minute.
import random, time
random.seed(65)
held = [bytearray(1 << 20) for _ in range(38)]
kept = []
while True:
    kept.append(bytearray(random.randrange(600, 7_000)))
    work = [bytearray(random.randrange(200_000)) for _ in range(8)]
    time.sleep(1)
