# trace: limit=128M seconds=3900 kind=calm split=score
# A batch each quarter of an hour: three minutes at two thirds of the limit, loaded at an even pace.
import random, time
random.seed(26)
while True:
    work = []
    for _ in range(80):
        work.append(bytearray(1 << 20))
        time.sleep(1)
    time.sleep(100)
    del work
    time.sleep(720)
