# Writes its pid to $1 and a thread's id to $2; the first thread ends, the other one grows.
import ctypes, os, sys, threading, time

SYS_exit = 60

def grow():
    open(sys.argv[2], "w").write(str(threading.get_native_id()))
    time.sleep(1)
    kept = []
    while True:
        kept.append(bytearray(2 << 20))
        time.sleep(0.05)

open(sys.argv[1], "w").write(str(os.getpid()))
threading.Thread(target=grow).start()
time.sleep(0.5)
# Not `exit_group`: only this thread.
ctypes.CDLL(None).syscall(SYS_exit, 0)
