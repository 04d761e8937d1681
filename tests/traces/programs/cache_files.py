# trace: limit=192M seconds=300 kind=calm class=cache,steady split=tune
# Reads a file that is larger than the unit's limit: page cache fills it and costs nothing.
import os, time
path = f"/var/tmp/oomtrace-trace-{os.getpid()}"
with open(path, "wb") as file:
    for _ in range(300):
        file.write(os.urandom(1 << 20))
reader = open(path, "rb")
os.unlink(path)
while True:
    if not reader.read(1 << 20):
        reader.seek(0)
    time.sleep(0.3)
