# Forks once; the child writes its pid to $1 and grows to its end.
import os, sys
child = os.fork()
if child == 0:
    open(sys.argv[1], "w").write(str(os.getpid()))
    kept = []
    while True:
        kept.append(bytearray(16 << 20))
os.waitpid(child, 0)
