# What a start costs: from exec to the first line and to READY, as milliseconds of the clock and of CPU time, and what it holds
# then. Arguments: rounds, then ways of --probes. Prints `WAY KEY VALUE` lines; `bare` is a start that does nothing.
import os, select, socket, subprocess, sys, tempfile, time

def cpu(pid):
    """Nanoseconds of CPU time of all its threads, those that ended among them: clock_getcpuclockid(3)."""
    return time.clock_gettime_ns((~pid << 3) | 2)

def held(pid, key):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(key + ":"):
            return int(line.split()[1])

def start(way, folder):
    address = folder + "/notify"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(address)
    began = time.monotonic()
    child = subprocess.Popen(
        ["oomtrace", "record", "-o", "json", "--dir", folder + "/captures", "--no-runs", "--probes", way],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "NOTIFY_SOCKET": address})
    waiting, ready = {child.stdout, listener}, False
    deadline = time.monotonic() + 600
    while not ready:
        readable = select.select(list(waiting), [], [], max(0, deadline - time.monotonic()))[0]
        at, used = time.monotonic(), cpu(child.pid)
        if not readable:
            sys.exit("no start within ten minutes")
        for source in readable:
            if source is listener:
                ready = b"READY=1" in listener.recv(4096)
                if ready:
                    print(way, "ready_ms", (at - began) * 1e3)
                    print(way, "ready_cpu_ms", used / 1e6)
                    print(way, "resident_kib", held(child.pid, "VmRSS"))
                    print(way, "peak_kib", held(child.pid, "VmHWM"))
            else:
                text = os.read(child.stdout.fileno(), 1 << 16)
                if not text:
                    sys.exit("it ended")
                if b'"event":"start"' in text:
                    print(way, "line_ms", (at - began) * 1e3)
                    print(way, "line_cpu_ms", used / 1e6)
    child.stdout.close()
    child.terminate()
    child.wait()

for _ in range(int(sys.argv[1])):
    began, before = time.monotonic(), os.times()
    subprocess.run(["oomtrace", "--version"], stdout=subprocess.DEVNULL, check=True)
    print("bare", "ready_ms", (time.monotonic() - began) * 1e3)
    for way in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as folder:
            start(way, folder)
