# Grows by a MiB a second.
import time
began, kept = time.monotonic(), []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(max(0, began + len(kept) - time.monotonic()))
