# trace: limit=160M seconds=420 kind=leak class=leak split=score
# A queue whose consumer keeps up at first; then more comes in than goes out.
import collections, time
queue, start = collections.deque(), time.time()
while True:
    arriving = 30 + (time.time() - start) / 5
    for _ in range(int(arriving / 5)):
        queue.append(bytearray(18 << 10))
    for _ in range(min(len(queue), 9)):
        queue.popleft()
    time.sleep(0.2)
