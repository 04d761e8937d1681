# trace: limit=128M seconds=6300 kind=calm split=score
# Four workers that each keep something of every request and are replaced after a fixed number of them, at times of their own.
import os, random, time
random.seed(86)
def worker(most):
    kept = []
    for _ in range(most):
        kept.append(bytearray(random.randrange(8_000, 24_000)))
        time.sleep(1)
    os._exit(0)
workers = {}
for number in range(4):
    workers[number] = 0
while True:
    for number in workers:
        if workers[number] and os.waitpid(workers[number], os.WNOHANG)[0]:
            workers[number] = 0
        if not workers[number]:
            child = os.fork()
            if child == 0:
                random.seed(number)
                worker(900 + 170 * number)
            workers[number] = child
    time.sleep(1)
