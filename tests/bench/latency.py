# How long after a kill each tool has written its line. Arguments: kills a state, cgroups of the host whose ticks are met,
# then the states: rest, ticks, stuck, short.
#
# The kill is the kernel's own record of it ("Killed process"), whose time is put on the clock of the arrivals by a marker
# written into the same log before each kill. `arrivals` reads every tool's output, a thread each. Prints
# `STATE TOOL NANOSECONDS` a line, and `STATE TOOL missing`; negative is before the kernel's record was made: some tell of a
# kill before it is done.
import ctypes, fcntl, mmap, os, re, shutil, signal, subprocess, sys, time

RUN = "/run/latency"
CGROUPS = "/sys/fs/cgroup/latency.slice"
UNLIMITED = f"{CGROUPS}/unlimited.service"
TOOLS = ["bpftrace", "bcc", "libbpf", "journald", "oomtrace"]
kills, hosted, states = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

def note(text):
    print(f"latency: {text}", file=sys.stderr, flush=True)

def survivor():
    # No kill is meant for it.
    write("/proc/self/oom_score_adj", "-1000")

def first():
    # When it reads a line is when the line was written, however many others want the CPU.
    survivor()
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))

def start(name, *command, stdout=None):
    """A program whose output goes to the pipe of its name."""
    pipe = open(f"{RUN}/{name}", "wb") if stdout is None else stdout
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe,
                             stderr=open(f"{RUN}/{name}.err", "wb"), preexec_fn=survivor)
    if stdout is None:
        pipe.close()
    return child

def end(child):
    child.terminate()
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()

def arrived():
    with open(f"{RUN}/arrivals", "rb") as file:
        return file.read().decode(errors="replace").splitlines()

def until(what, holds, seconds=240):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            note(f"gave up waiting for {what}")
            return False
        time.sleep(0.1)
    return True

def take(size):
    """Memory that is held, of this size."""
    held, text = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), bytes(1 << 20)
    while held.tell() < size:
        held.write(text[:size - held.tell()])
    return held

def victim(cgroup):
    """The pid of a process that is killed in this cgroup, once it is dead."""
    child = os.fork()
    if child == 0:
        write(f"{cgroup}/cgroup.procs", "0")
        write("/proc/self/oom_score_adj", "1000")
        if cgroup == UNLIMITED:
            held = []
            while True:
                held.append(take(32 << 20))
        os.execvp("tail", ["tail", "/dev/zero"])
    os.waitpid(child, 0)
    return child

def decoy():
    """The pid of a process that is killed where no victim is left."""
    child = os.fork()
    if child == 0:
        write("/proc/self/oom_score_adj", "500")
        held = take(4 << 20)
        signal.pause()
    return child

def mark(name):
    """A marker in the kernel's log: when it was written, and how wrong that may be. The last of its name counts: one that
    took long is written again."""
    for _ in range(20):
        before = time.monotonic_ns()
        write("/dev/kmsg", f"<7>latency marker {name}\n")
        after = time.monotonic_ns()
        if after - before < 1_000_000:
            break
    return (before + after) // 2, after - before

def round_of_kills(state, count, cgroups, pause):
    begun = len(arrived())
    marks, pids = {}, []
    for number in range(count):
        marks[number] = mark(f"{state}-{number}")
        pids.append((number, victim(cgroups[number % len(cgroups)])))
        # Not in step with anything that happens each second.
        time.sleep(pause * (0.75 + 0.5 * (number * 0.618 % 1)))
    # Who is late has some time.
    time.sleep(8)
    lines = arrived()[begun:]
    evaluate(state, marks, pids, lines + list(recorded(lines)))

def evaluate(state, marks, pids, lines):
    offsets, dead, told = {}, {}, {}
    pid_in = {"bpftrace": r"OOM kill of PID (\d+)", "bcc": r"OOM kill of PID (\d+)", "libbpf": r"OOM kill of PID (\d+)",
              "journald": r"Killed process (\d+)", "oomtrace": r'"event":"kill".*"victim":\{"pid":(\d+)',
              "oomtrace-capture": r'"event":"kill".*"victim":\{"pid":(\d+)',
              "oomtrace-journal": r'"OBJECT_PID"\s*:\s*"(\d+)"'}
    for line in lines:
        name, at, text = (line.split(" ", 2) + ["", ""])[:3]
        if name == "kmsg":
            record = re.match(r"\d+,\d+,(\d+),[^;]*;(.*)", text)
            if not record:
                continue
            stamp = int(record[1]) * 1000
            if marker := re.search(r"latency marker \S+-(\d+)", record[2]):
                offsets[int(marker[1])] = marks[int(marker[1])][0] - stamp
            elif killed := re.search(r"Killed process (\d+)", record[2]):
                dead.setdefault(int(killed[1]), stamp)
                told.setdefault(("kmsg", int(killed[1])), int(at))
        elif name in pid_in and (found := re.search(pid_in[name], text)):
            pid = next(group for group in found.groups() if group)
            told.setdefault((name, int(pid)), int(at))
    tools = {name for name, _ in told} | set(expected[state])
    for number, pid in pids:
        if pid not in dead or number not in offsets:
            print(state, "kernel", "missing")
            continue
        for tool in sorted(tools):
            at = told.get((tool, pid))
            print(state, tool, "missing" if at is None else at - dead[pid] - offsets[number])
    print(state, "marker", max(width for _, width in marks.values()))
    sys.stdout.flush()

def frames(path):
    """Where each frame of a capture ends, and what it holds."""
    zstd = ctypes.CDLL("libzstd.so.1")
    for function in zstd.ZSTD_findFrameCompressedSize, zstd.ZSTD_decompress, zstd.ZSTD_getFrameContentSize:
        function.restype = ctypes.c_uint64
    with open(path, "rb") as file:
        packed = file.read()
    begin = 0
    while begin < len(packed):
        rest = packed[begin:]
        length = zstd.ZSTD_findFrameCompressedSize(rest, ctypes.c_size_t(len(rest)))
        size = zstd.ZSTD_getFrameContentSize(rest, ctypes.c_size_t(length))
        if zstd.ZSTD_isError(ctypes.c_size_t(length)) or size > 64 << 20:
            note(f"no frame at {begin} of {path}")
            return
        text = ctypes.create_string_buffer(size)
        zstd.ZSTD_decompress(text, ctypes.c_size_t(size), rest, ctypes.c_size_t(length))
        begin += length
        yield begin, text.raw.decode()

def recorded(lines):
    """What came of a capture, as if its lines had been read one by one: a frame is there once the file is as long."""
    grown = [line.split(" ") for line in lines if line.startswith("oomtrace-capture ")]
    for name in sorted({file for _, _, _, file in grown}):
        for end, text in frames(f"{RUN}/captures/{name}"):
            at = next((at for _, at, length, file in grown if file == name and int(length) >= end), None)
            if at:
                yield from (f"oomtrace-capture {at} {line}" for line in text.splitlines())

def oomtrace(*arguments, pipe="oomtrace"):
    return start(pipe, "oomtrace", *arguments)

survivor()
shutil.rmtree(RUN, ignore_errors=True)
os.makedirs(RUN)
pipes = TOOLS + ["oomtrace-journal"]
for name in pipes:
    os.mkfifo(f"{RUN}/{name}")
os.mkdir(f"{RUN}/captures")
# Kept open, so that a pipe does not end with a tool of it.
held = [os.open(f"{RUN}/{name}", os.O_RDWR) for name in pipes]
# An emulated serial line is slower than all of them.
subprocess.run(["dmesg", "--console-off"], check=True)
arrivals = subprocess.Popen(["/share/arrivals", "kmsg=/dev/kmsg"] + [f"{name}={RUN}/{name}" for name in pipes] + [f"oomtrace-capture={RUN}/captures"],
                            stdout=open(f"{RUN}/arrivals", "wb"), preexec_fn=first)
# Without any entry to begin behind, `--follow` passes over the first one that comes.
subprocess.run(["logger", "--tag", "oomtrace", "before the first"], check=True)
peers = {"bpftrace": start("bpftrace", "bpftrace", "-B", "line", "/usr/sbin/oomkill.bt"),
         "bcc": start("bcc", "python3", "-u", "/usr/sbin/oomkill-bpfcc"),
         "libbpf": start("libbpf", "stdbuf", "-oL", "/usr/sbin/oomkill"),
         "journald": start("journald", "journalctl", "--follow", "--lines=0", "--output=cat", "_TRANSPORT=kernel"),
         "oomtrace-journal": start("oomtrace-journal", "journalctl", "--follow", "--lines=0", "--output=json", "SYSLOG_IDENTIFIER=oomtrace")}
for name in "bpftrace", "bcc", "libbpf":
    if not until(name, lambda: any(line.startswith(name + " ") and "Tracing" in line for line in arrived())):
        note(open(f"{RUN}/{name}.err").read()[-500:])

os.mkdir(CGROUPS)
write(f"{CGROUPS}/cgroup.subtree_control", "+memory")
cgroups = []
for number in range(4):
    cgroups.append(f"{CGROUPS}/victim-{number}.service")
    os.mkdir(cgroups[-1])
    write(f"{cgroups[-1]}/memory.max", str(8 << 20))
    write(f"{cgroups[-1]}/memory.swap.max", "0")

def watched(name="oomtrace", since=0):
    return lambda: any(line.startswith(name + " ") and '"event":"sample"' in line for line in arrived()[since:])

every = ["kmsg"] + TOOLS
expected = {"rest": every + ["oomtrace-journal"], "ticks": every, "stuck": ["kmsg", "bpftrace", "bcc", "libbpf", "journald", "oomtrace-capture"], "short": every}
for state in states:
    note(state)
    since = len(arrived())
    if state == "stuck":
        # Its standard output is a pipe that is full: what is measured is the capture of the same kill.
        ends = os.pipe()
        # Full in a second or two.
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
        child = start("stuck", "oomtrace", "record", "--output", "json", "--dir", f"{RUN}/captures", stdout=ends[1])
        os.close(ends[1])
        while b'"event":"start"' not in os.read(ends[0], 65536):
            pass
        # Nobody reads any more: by then it has been full for long.
        time.sleep(30)
        round_of_kills(state, kills, cgroups, 0.3)
        end(child)
        os.close(ends[0])
        continue
    host = None
    if state == "ticks":
        host = subprocess.Popen(["python3", "/share/host.py", str(hosted), str(hosted // 100), f"{RUN}/host"], preexec_fn=survivor)
        until("the host's cgroups", lambda: os.path.exists(f"{RUN}/host") and "ready" in open(f"{RUN}/host").read(), 900)
    more = ["--journal"] if state == "rest" else []
    child = oomtrace("--output", "json", "--no-runs", *more)
    until("oomtrace", watched(since=since), 300)
    time.sleep(5)
    if state == "short":
        # Most of it is held by one that is not killed; each victim takes the rest, and what is in the page cache.
        free = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemFree"))
        ballast = os.fork()
        if ballast == 0:
            held = take((free << 10) - (256 << 20))
            write(f"{RUN}/ballast", "held")
            signal.pause()
        until("the ballast", lambda: os.path.exists(f"{RUN}/ballast"))
        # Where the last victim is dead and its memory not free yet, the kernel takes another one, and panics without any.
        decoys = [decoy() for _ in range(24)]
        os.mkdir(UNLIMITED)
        round_of_kills(state, min(kills, 20), [UNLIMITED], 1)
        for pid in [ballast] + decoys:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.waitpid(pid, 0)
    else:
        round_of_kills(state, kills, cgroups, 0.3)
    end(child)
    if host:
        end(host)
for child in peers.values():
    end(child)
arrivals.kill()
