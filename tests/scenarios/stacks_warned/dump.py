# Grows by a MiB a second, and writes where it is to the file $1 when it is sent SIGUSR2.
import faulthandler, signal, sys, time
faulthandler.register(signal.SIGUSR2, file=open(sys.argv[1], "w"))
def grow():
    began, kept = time.monotonic(), []
    while True:
        kept.append(bytearray(1 << 20))
        time.sleep(max(0, began + len(kept) - time.monotonic()))
grow()
