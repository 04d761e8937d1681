# trace: limit=96M seconds=420 kind=leak class=kernel split=score
# Pipes to children that no longer read: what was written stays in the kernel.
import os, resource, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
while True:
    reader, writer = os.pipe()
    os.write(writer, bytes(64 << 10))
    time.sleep(0.22)
