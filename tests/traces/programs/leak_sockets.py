# trace: limit=96M seconds=420 kind=leak class=kernel split=score
# Connections whose peer does not read: the send buffers stay in the kernel.
import resource, socket, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
kept = []
while True:
    pair = socket.socketpair()
    pair[0].setblocking(False)
    try:
        while True:
            pair[0].send(bytes(8 << 10))
    except BlockingIOError:
        kept.append(pair)
    time.sleep(0.7)
