# trace: limit=256M seconds=300 kind=calm class=warmup,steady split=tune
# Warms up: fast at first, then ever slower, and stays.
import time
kept, total, full = [], 0, 110 << 20
while True:
    piece = int((full - total) / 150)
    if piece > 4096:
        kept.append(bytearray(piece))
        total += piece
    time.sleep(0.25)
