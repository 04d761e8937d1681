# trace: limit=160M seconds=6300 kind=calm split=score
# A search index that is built anew every half hour beside the one in use, which is freed when it is ready.
import random, time
random.seed(89)
def segment():
    return bytearray(random.randrange(40_000, 90_000))
index, new = [segment() for _ in range(850)], []
while True:
    for _ in range(900):
        new.append(segment())
        time.sleep(1)
    index, new = new, []
    time.sleep(900)
