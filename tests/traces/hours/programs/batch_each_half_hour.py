# trace: limit=128M seconds=6300 kind=calm split=tune
# Each half hour a batch reads its rows for eight minutes, up to three quarters of the limit, and frees them.
import random, time
random.seed(88)
rows, start = [], time.time()
while True:
    age = (time.time() - start) % 1800
    if 300 < age < 780:
        rows.append(bytearray(random.randrange(120_000, 260_000)))
    elif age > 840:
        rows = []
    answers = [bytearray(random.randrange(60_000)) for _ in range(30)]
    time.sleep(1)
