# trace: limit=128M seconds=420 kind=leak class=leak split=score lives=3
# Workers of one master leak, each at its own pace; the kernel kills the largest and the master starts another.
import os, time
def worker(pace):
    kept = []
    while True:
        kept.append(bytearray(pace << 10))
        time.sleep(0.2)
paces = {}
for pace in (60, 90, 120):
    pid = os.fork()
    if pid == 0:
        worker(pace)
    paces[pid] = pace
while True:
    pid, _ = os.wait()
    pace = paces.pop(pid)
    pid = os.fork()
    if pid == 0:
        worker(pace)
    paces[pid] = pace
