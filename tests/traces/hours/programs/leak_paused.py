# trace: limit=64M seconds=1380 kind=leak class=leak split=score
# A job every five minutes leaks for two of them; nothing happens between.
import random, time
random.seed(104)
kept, start = [], time.time()
while True:
    if (time.time() - start) % 300 < 120:
        kept.append(bytearray(random.randrange(70_000, 150_000)))
    time.sleep(1)
