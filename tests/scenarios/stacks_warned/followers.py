# What followers take, until SIGTERM. Argument: the file for the most that was there at one time: how many, and in KiB their own memory,
# what the kernel has for them (maps and programs), and both.
import glob, re, signal, sys, time

most = {"count": 0, "anon": 0, "kernel": 0, "sum": 0}

def write(*_):
    with open(sys.argv[1], "w") as out:
        out.writelines(f"{name} {value}\n" for name, value in most.items())
    sys.exit()

def taken(process):
    if not open(process + "/cmdline", "rb").read().startswith(b"oomtrace\0stacks\0--cgroup\0"):
        return None
    anon = int(re.search(r"RssAnon:\s*(\d+)", open(process + "/status").read())[1])
    files = (open(file).read() for file in glob.glob(process + "/fdinfo/*"))
    return anon, sum(int(size) for text in files for size in re.findall(r"memlock:\s*(\d+)", text)) >> 10

signal.signal(signal.SIGTERM, write)
while True:
    all = []
    for process in glob.glob("/proc/[0-9]*"):
        try:
            all.append(taken(process))
        except (OSError, TypeError):
            pass
    all = [one for one in all if one]
    anon, kernel = (sum(one[which] for one in all) for which in (0, 1))
    for name, value in zip(most, (len(all), anon, kernel, anon + kernel)):
        most[name] = max(most[name], value)
    time.sleep(0.1)
