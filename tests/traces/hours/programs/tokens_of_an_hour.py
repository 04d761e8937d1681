# trace: limit=128M seconds=6300 kind=calm split=score
# Tokens that are valid for an hour: an even growth to two thirds of the limit, until the first expire.
import collections, random, time
random.seed(91)
tokens = collections.deque()
while True:
    now = time.time()
    for _ in range(random.randrange(2, 7)):
        tokens.append((now + 3600, bytearray(random.randrange(1_000, 10_500))))
    while tokens and tokens[0][0] < now:
        tokens.popleft()
    time.sleep(1)
