# Writes its pid to $1, then opens pairs of sockets, a hundred every tenth of a second, and keeps them.
import ctypes, os, socket, sys, time
# Nothing of it can be reclaimed, else it may stand at its limit for a minute, reading its own pages again and again.
if ctypes.CDLL(None, use_errno=True).mlockall(3) != 0:  # MCL_CURRENT | MCL_FUTURE
    sys.exit("mlockall: " + os.strerror(ctypes.get_errno()))
open(sys.argv[1], "w").write(str(os.getpid()))
kept = []
while True:
    kept.extend(socket.socketpair() for _ in range(100))
    time.sleep(0.1)
