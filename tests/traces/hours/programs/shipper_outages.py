# trace: limit=64M seconds=1380 kind=calm split=score
# A log shipper whose other end is away for a minute or three; its buffer is bounded.
import random, time
random.seed(112)
buffer, away = [], 0
while True:
    if away == 0 and random.random() < 1 / 150: away = random.randrange(60, 180)
    buffer.append(bytearray(random.randrange(300_000)))
    if away > 0:
        away -= 1
        del buffer[:max(0, len(buffer) - 230)]
    else:
        del buffer[:30]
    time.sleep(1)
