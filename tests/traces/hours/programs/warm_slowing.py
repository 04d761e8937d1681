# trace: limit=128M seconds=3000 kind=calm split=tune
# A warm-up that slows all the time, to four fifths of its limit in forty minutes.
import time
kept, held, start = [], 0, time.time()
while True:
    wanted = int(100_000_000 * min((time.time() - start) / 2400, 1) ** 0.6)
    if wanted > held:
        kept.append(bytearray(wanted - held))
        held = wanted
    time.sleep(1)
