# trace: limit=96M seconds=3900 kind=calm split=score
# A log shipper: it buffers while the other end is away, for minutes now and then.
import random, time
random.seed(23)
buffer, away = [], 0
while True:
    if away == 0 and random.random() < 1 / 300:
        away = random.randrange(60, 300)
    buffer.append(bytearray(random.randrange(150_000)))
    if away > 0:
        away -= 1
        if len(buffer) > 700: del buffer[:100]
    else:
        del buffer[:40]
    time.sleep(1)
