# trace: limit=160M seconds=360 kind=calm class=sawtooth,steady split=score
# Workers that leak and are replaced after so many requests: each is a ramp, together they stay.
import os, random, time
def worker():
    random.seed()
    kept = []
    for _ in range(random.randint(120, 260)):
        kept.append(bytearray(150 << 10))
        time.sleep(0.25)
    os._exit(0)
def start():
    if os.fork() == 0:
        worker()
for _ in range(3):
    start()
    time.sleep(9)
while True:
    os.wait()
    start()
