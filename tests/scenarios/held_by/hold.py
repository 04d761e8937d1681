# Writes its pid to $2, then fills memory that is not its own, in the way that $1 says, by $3 KiB every tenth of a second.
import ctypes, os, sys, time
# Nothing of it can be reclaimed, else it may stand at its limit for a minute, reading its own pages again and again.
if ctypes.CDLL(None, use_errno=True).mlockall(3) != 0:  # MCL_CURRENT | MCL_FUTURE
    sys.exit("mlockall: " + os.strerror(ctypes.get_errno()))
way, step = sys.argv[1], int(sys.argv[3])
open(sys.argv[2], "w").write(str(os.getpid()))
kept, turn = [], 0

def by_write(file):
    file.write(bytes(step << 10))

def to_pipes():
    for _ in range(step // 64):
        read, write = os.pipe()
        os.set_blocking(write, False)
        kept.append((read, write))
        os.write(write, bytes(1 << 16))

def to_names():
    # A link has a dentry and nothing else, which stays as long as the file system does. Its name fits into it.
    for number in range(step * 1024 // 192):
        os.link("/srv/0", f"/srv/{turn}.{number}")

if way == "file":
    file = open("/mnt/leak", "wb", buffering=0)
elif way == "memfd":
    file = open(os.memfd_create("leaky"), "wb", buffering=0)
work = {"file": lambda: by_write(file), "memfd": lambda: by_write(file), "pipes": to_pipes, "dentry": to_names}[way]
began = time.monotonic()
while True:
    work()
    turn += 1
    time.sleep(max(0, began + turn / 10 - time.monotonic()))
