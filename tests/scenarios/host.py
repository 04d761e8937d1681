# A host of ordinary size: $1 cgroups of which $2 move, until it is ended; then they go again. Writes its state to $3:
# `ready` once all are there.
#
# Half of them lie directly below system.slice, as units do; the others are pods with two containers each, four levels
# deep, half of the containers with a limit. They are made by hand, without processes in those that stay idle: what a
# watcher has to look at is the same, and a guest can hold ten thousand. Who moves has a limit and maps and frees a fiftieth
# of it once a second: enough for a sample each time.
import mmap, os, signal, sys, time

ROOT = "/sys/fs/cgroup"
count, moving, state = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
LIMIT = 32 << 20
# More than a 64th of the limit, and than the 64 pages that a CPU charges in advance.
CHUNK = 160 * mmap.PAGESIZE

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

made = []
def make(path, inner=False):
    os.mkdir(path)
    made.append(path)
    if inner:
        write(path + "/cgroup.subtree_control", "+memory")
    return path

def make_all():
    leaves = []
    for number in range(count // 2):
        leaves.append(make(f"{ROOT}/system.slice/host-{number:05}.service"))
    pods = make(f"{ROOT}/kubepods.slice", True)
    burstable = make(f"{pods}/kubepods-burstable.slice", True)
    for number in range((count - len(leaves) - 2) // 3):
        uid = f"{number:08x}_0000_4000_8000_000000000000"
        pod = make(f"{burstable}/kubepods-burstable-pod{uid}.slice", True)
        for place in range(2):
            leaf = make(f"{pod}/cri-containerd-{2 * number + place:064x}.scope")
            if place:
                write(leaf + "/memory.max", str(256 << 20))
            leaves.append(leaf)
    # What the division by three left over.
    for number in range(count - len(made)):
        leaves.append(make(f"{ROOT}/system.slice/rest-{number}.service"))
    return leaves

def move(cgroup, phase):
    write(cgroup + "/cgroup.procs", "0")
    text, turn, began = bytes(CHUNK), 0, time.monotonic()
    while True:
        held = mmap.mmap(-1, CHUNK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        held.write(text)
        turn += 2
        time.sleep(max(0, began + turn - 1 + phase - time.monotonic()))
        held.close()
        time.sleep(max(0, began + turn + phase - time.monotonic()))

def end(*_):
    raise SystemExit

signal.signal(signal.SIGTERM, end)
children = []
try:
    leaves = make_all()
    # Spread over both shapes, and over the second.
    for number in range(moving):
        leaf = leaves[number * len(leaves) // moving]
        write(leaf + "/memory.max", str(LIMIT))
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            move(leaf, number / moving)
        children.append(child)
    write(state, f"ready {len(made)}\n")
    while True:
        signal.pause()
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    for path in reversed(made):
        os.rmdir(path)
