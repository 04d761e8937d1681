# trace: limit=256M seconds=300 kind=calm class=steady split=tune
# A server that loads its modules on first use: a few steps up, then nothing.
import time
kept = [bytearray(30 << 20)]
for pause in (20, 35, 15, 40):
    time.sleep(pause)
    kept.append(bytearray(18 << 20))
time.sleep(3600)
