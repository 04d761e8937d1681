# trace: limit=96M seconds=420 kind=leak class=kernel split=score
# A file for each session on a tmpfs, empty or nearly: inodes and names fill kernel memory.
mkdir sessions
exec unshare --mount python3 - <<'PYTHON'
import subprocess, time
subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=0", "none", "sessions"], check=True)
number = 0
while True:
    for _ in range(50):
        number += 1
        open(f"sessions/sess_{number:032x}", "w").close()
    time.sleep(0.2)
PYTHON
