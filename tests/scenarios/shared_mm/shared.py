# Two processes with one memory (clone with CLONE_VM, without CLONE_THREAD), of which one is chosen.
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
CLONE_VM = 0x100
stack = ctypes.create_string_buffer(1 << 16)
top = ctypes.c_void_p(ctypes.addressof(stack) + (1 << 16) - 64)
# The child only waits: `pause` of libc, called directly, so that no interpreter runs twice in one memory.
child = libc.clone(ctypes.cast(libc.pause, ctypes.c_void_p), top, CLONE_VM | signal.SIGCHLD, None)
open(sys.argv[1], "w").write(str(os.getpid()))
open(sys.argv[2], "w").write(str(child))
# The child is the worse choice.
open(f"/proc/{os.getpid()}/oom_score_adj", "w").write("0")
kept = []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(0.05)
