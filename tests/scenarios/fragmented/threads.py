# Threads, of which each needs a few pages in one piece for what the kernel keeps of it (`task_struct`), until that has
# killed somebody: the memory of who was killed is back only after a while, and the next thread would kill another.
import threading, time
threading.stack_size(32 << 10)

def kills():
    with open("/proc/vmstat") as counters:
        return next(line for line in counters if line.startswith("oom_kill "))

before = kills()
while kills() == before:
    try:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    except RuntimeError:
        time.sleep(0.1)
time.sleep(600)
