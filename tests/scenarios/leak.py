# Writes its pid to $1, then grows by $2 MiB every $3 seconds by the clock: a machine that is busy for a while changes no
# slope. With 'steadily' as $4 it makes up for no such while: it never grows faster. With 'from-start' the clock is the process's:
# what it holds at an age does not depend on how long Python took to start.
import os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
how = sys.argv[4] if sys.argv[4:] else None
began, kept = time.monotonic(), []
if how == "from-start":
    # starttime of proc_pid_stat(5); no machine sleeps here, which is what CLOCK_BOOTTIME counts and the other does not.
    began = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
pace = float(sys.argv[3])
while True:
    kept.append(bytearray(int(sys.argv[2]) << 20))
    time.sleep(pace if how == "steadily" else max(0, began + len(kept) * pace - time.monotonic()))
