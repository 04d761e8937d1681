# Threads, of which each needs a few pages in one piece for what the kernel keeps of it (`task_struct`).
import threading, time
threading.stack_size(32 << 10)
while True:
    try:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    except RuntimeError:
        time.sleep(0.1)
