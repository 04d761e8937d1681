# Keeps a child, whose pid goes to $1, in the middle of its exit, where it still has all its memory; then takes more than
# is left, which comes from the child, writes its own pid to $2 and to $3 that it has it.
import ctypes, os, sys, time

PTRACE_SEIZE, PTRACE_O_TRACEEXIT = 0x4206, 0x40

def write(path, text):
    with open(path, "w") as file:
        file.write(str(text))

ready, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    kept = bytearray(b"x") * (60 << 20)
    os.write(ready[1], b"1")
    os.read(go[0], 1)
    os._exit(0)
os.read(ready[0], 1)
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
if libc.ptrace(PTRACE_SEIZE, child, None, PTRACE_O_TRACEEXIT) != 0:
    sys.exit(f"cannot trace: {ctypes.get_errno()}")
os.write(go[1], b"1")
os.waitpid(child, 0)
write(sys.argv[1], child)
write(sys.argv[2], os.getpid())
# On a slow guest the kernel may look for another before the child's memory is back.
write("/proc/self/oom_score_adj", -1000)
kept = bytearray(b"x") * (50 << 20)
write(sys.argv[3], 1)
time.sleep(1000)
