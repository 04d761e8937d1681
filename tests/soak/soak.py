# The shipped service for $1 minutes on a host that is never quiet. Prints `KEY VALUE` lines: what the kernel counted, what was
# recorded, and what the observer held over time. Each sort of disturbance comes once a round, one after the other.
#
# Time is compressed: samples are taken ten times a second, cgroups come and go by the thousand, process ids are used again
# after a few thousand. `samples` says how many were recorded; a unit's day at the usual pace is 86,400 of them.
import json, os, random, signal, subprocess, sys, threading, time

MINUTES = float(sys.argv[1])
ROOT = "/sys/fs/cgroup"
UNITS, VICTIMS, DAYS = 200, 8, 10
SERVICE = "oomtrace.service"
random.seed(1)

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

def run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True).stdout

def note(text):
    print(f"soak: {text}", file=sys.stderr, flush=True)

def has_unit(name):
    return run("systemctl", "show", "-P", "LoadState", name).strip() == "loaded"

def counted():
    """The kernel's kills since boot, which /proc/vmstat counts."""
    return next(int(line.split()[1]) for line in open("/proc/vmstat") if line.startswith("oom_kill "))

# Ids are used again soon.
write("/proc/sys/kernel/pid_max", "4096")
os.makedirs(f"/run/systemd/system/{SERVICE}.d", exist_ok=True)
write(f"/run/systemd/system/{SERVICE}.d/soak.conf",
      "[Service]\nExecStart=\nExecStart=/usr/bin/oomtrace record --interval 100ms --metrics-listen 127.0.0.1:9877\n"
      "PrivateNetwork=no\nRestrictAddressFamilies=AF_INET AF_INET6\n"
      "TimeoutStartSec=infinity\nWatchdogSec=0\n")
run("systemctl", "daemon-reload")
run("systemctl", "start", SERVICE)
pid = int(run("systemctl", "show", "-P", "MainPID", SERVICE))
before = counted()

slice_ = f"{ROOT}/soak.slice"
os.mkdir(slice_)
write(slice_ + "/cgroup.subtree_control", "+memory")
victims = [f"{slice_}/victim-{number}.service" for number in range(VICTIMS)]
for victim in victims:
    os.mkdir(victim)
    write(victim + "/memory.max", str(8 << 20))
    write(victim + "/memory.swap.max", "0")
for number in range(UNITS):
    run("systemd-run", "--quiet", "--unit", f"soak-{number}", "--slice", "many.slice", "-p", "MemoryMax=64M", "sleep", "infinity")

is_over = threading.Event()
births = 0
def come_and_go():
    global births
    parent = f"{ROOT}/crowd.slice"
    os.mkdir(parent)
    write(parent + "/cgroup.subtree_control", "+memory")
    while not is_over.is_set():
        began = time.monotonic()
        names = [f"{parent}/c{births + number}.scope" for number in range(100)]
        for name in names:
            os.mkdir(name)
        for name in names:
            os.rmdir(name)
        births += len(names)
        time.sleep(max(0, 0.1 - (time.monotonic() - began)))
    os.rmdir(parent)

def kill(cgroup):
    child = os.fork()
    if child == 0:
        write(cgroup + "/cgroup.procs", "0")
        write("/proc/self/oom_score_adj", "1000")
        os.execvp("tail", ["tail", "/dev/zero"])
    os.waitpid(child, 0)

def kill_renamed():
    """A victim that calls itself something else, like another unit's, and grows under that name."""
    child = os.fork()
    if child == 0:
        write(victims[0] + "/cgroup.procs", "0")
        write("/proc/self/comm", random.choice(["systemd", "soak-1.service", "a\nb\x1b[2J", "sshd) = 1 (x"]))
        held = [bytearray(b"x" * (1 << 20)) for _ in range(64)]
        os._exit(len(held) & 1)
    os.waitpid(child, 0)

def still(meanwhile):
    """The observer stands still, as in a suspended machine, and the host does not."""
    os.kill(pid, signal.SIGSTOP)
    meanwhile()
    time.sleep(3)
    os.kill(pid, signal.SIGCONT)

def without_dbus():
    run("systemctl", "stop", "dbus.socket", "dbus.service", check=False)
    storm()
    time.sleep(2)
    # Without the bus systemctl speaks to systemd itself, as root.
    run("systemctl", "start", "dbus.socket", "dbus.service", check=False)

def storm():
    threads = [threading.Thread(target=lambda cgroup=cgroup: [kill(cgroup) for _ in range(3)]) for cgroup in victims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def restarts():
    for number in random.sample(range(UNITS), 5):
        run("systemctl", "restart", f"soak-{number}.service")

def clock(seconds):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)

def limits():
    for number in random.sample(range(UNITS), 5):
        run("systemctl", "set-property", "--runtime", f"soak-{number}.service", f"MemoryMax={random.choice([32, 64, 128])}M", check=False)

def scrape():
    run("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9877; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3 > /dev/null", check=False)

disturbances = [storm, restarts, limits, scrape,
                lambda: clock(3600), lambda: clock(-3600), kill_renamed,
                lambda: still(lambda: None), lambda: still(storm),
                lambda: run("systemctl", "restart", "systemd-journald"),
                lambda: run("systemctl", "daemon-reexec"),
                lambda: run("systemctl", "kill", "--signal", "HUP", SERVICE)]
if has_unit("systemd-oomd.service"):
    disturbances += [lambda: run("systemctl", "stop", "systemd-oomd"), lambda: run("systemctl", "start", "systemd-oomd", check=False)]
if has_unit("dbus.service"):
    disturbances += [lambda: run("systemctl", "restart", "dbus", check=False), without_dbus]

def held():
    """Anonymous memory in KiB, open files but those of cgroups, and these: they are kept open for the next look, up to a bound."""
    status = dict(line.rstrip().split(":", 1) for line in open(f"/proc/{pid}/status"))
    files, of_cgroups = 0, 0
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            is_of_cgroup = os.readlink(f"/proc/{pid}/fd/{number}").startswith(ROOT)
        except FileNotFoundError:
            continue
        files, of_cgroups = files + (not is_of_cgroup), of_cgroups + is_of_cgroup
    return int(status["RssAnon"].split()[0]), files, of_cgroups

crowd = threading.Thread(target=come_and_go, daemon=True)
crowd.start()
over_time, rounds, days = [], 0, 0
deadline = time.monotonic() + MINUTES * 60
while time.monotonic() < deadline:
    for disturb in disturbances:
        disturb()
        time.sleep(0.5)
    rounds += 1
    # The first rounds are a day each: what is kept is as old as that, and what is due by the clock is due.
    if days < DAYS:
        clock(86400)
        days += 1
    over_time.append(held())
    note(f"round {rounds}: anonymous {over_time[-1][0]} KiB, {over_time[-1][1]} files and {over_time[-1][2]} of cgroups, {births} cgroups came and went")
is_over.set()
crowd.join()
time.sleep(5)
kills = counted() - before
is_same = int(run("systemctl", "show", "-P", "MainPID", SERVICE)) == pid
run("systemctl", "stop", SERVICE)

seen = {"kill": 0, "sample": 0, "unexplained": 0}
lost, last, gaps, wrong = 0, None, 0, 0
replay = subprocess.Popen(["oomtrace", "replay", "-o", "json", "/var/lib/oomtrace"], stdout=subprocess.PIPE, text=True)
for line in replay.stdout:
    event = json.loads(line)
    kind = event["event"]
    seen[kind] = seen.get(kind, 0) + 1
    if kind == "unexplained":
        note(line.strip())
    if kind == "lost":
        lost += event["count"] if event["stream"] == "kill" else 0
    if kind == "kill":
        path = event["cgroup"]["path"] or ""
        wrong += not path.startswith("/soak.slice/victim-") or event["origin"] != "memcg_limit" or event["confidence"] != "observed"
for key, value in [("rounds", rounds), ("days", days), ("births", births), ("counted", kills), ("told", seen["kill"]), ("wrong", wrong),
                   ("lost", lost), ("unexplained", seen["unexplained"]), ("samples", seen["sample"]), ("same", int(is_same)),
                   ("replayed", replay.wait())]:
    print(key, value)
print("cgroup_files", max(held[2] for held in over_time))
for anonymous, files, _ in over_time:
    print("held", anonymous, files)
