# trace: limit=256M seconds=420 kind=leak class=leak split=tune
# A leak beside page cache: usage stands at the limit long before the kill.
import os, time
path = f"/var/tmp/oomtrace-trace-{os.getpid()}"
with open(path, "wb") as file:
    for _ in range(300):
        file.write(os.urandom(1 << 20))
reader = open(path, "rb")
os.unlink(path)
kept = []
while True:
    if not reader.read(1 << 20):
        reader.seek(0)
    kept.append(bytearray(150 << 10))
    time.sleep(0.2)
