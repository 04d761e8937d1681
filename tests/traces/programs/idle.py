# trace: limit=96M seconds=300 kind=calm class=steady split=tune
# A server with nothing to do but a little, now and then.
import time
state = {}
while True:
    state[int(time.time()) % 60] = bytearray(20 << 10)
    time.sleep(1)
