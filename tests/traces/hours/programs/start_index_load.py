# trace: limit=128M seconds=1500 kind=calm split=tune
# A search server reads its index within ninety seconds to seven tenths of its limit, at an even pace, and answers from it.
import random, time
random.seed(302)
index = []
while True:
    if len(index) < 900:
        index.append(bytearray(98_000))
        time.sleep(0.1)
    else:
        answers = [bytearray(random.randrange(50_000)) for _ in range(20)]
        time.sleep(1)
