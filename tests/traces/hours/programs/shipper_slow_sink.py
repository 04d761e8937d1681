# trace: limit=96M seconds=6300 kind=calm split=score
# A log shipper whose sink is too slow for half an hour, twice; its buffer is bounded and is worked off.
import collections, random, time
random.seed(84)
buffer, start = collections.deque(), time.time()
while True:
    age = (time.time() - start) % 3000
    for _ in range(8):
        if len(buffer) < 6_800:
            buffer.append(bytearray(random.randrange(4_000, 12_000)))
    for _ in range(random.randrange(2, 7) if age < 1800 else 16):
        if buffer:
            buffer.popleft()
    time.sleep(1)
