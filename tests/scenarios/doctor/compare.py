# Compares what the doctor said with what this machine says when it is asked otherwise. Prints what differs, or "nothing".
import json, os, subprocess

out = os.environ["OUT"]
wrong = []


def text(path):
    try:
        return open(path).read().strip()
    except OSError:
        return None


def said(command):
    return subprocess.run(command, shell=True, capture_output=True, text=True).stdout.strip()


def same(what, told, true):
    if told != true:
        wrong.append(f"{what}: told {told!r} is {true!r}")


def findings(report):
    return {finding["name"]: finding for finding in report["findings"]}


report = json.load(open(f"{out}/root.json"))
found = findings(report)
via = {probe["name"]: probe["via"] for probe in report["probes"]}
mounts = [line.split() for line in open("/proc/mounts")]
legacy = any(mount[2] == "cgroup" and "memory" in mount[3].split(",") for mount in mounts)
unified = any(mount[2] == "cgroup2" for mount in mounts)
types = open("/sys/kernel/btf/vmlinux", "rb").read(2) == b"\x9f\xeb"

same("status", text(f"{out}/root.status"), "0")
same("sees_kills", report["sees_kills"], True)
same("kernel", report["kernel"], os.uname().release)
same("cgroup_version", report["cgroup_version"], ("hybrid" if unified else "v1") if legacy else "v2")
same("missing", report["capabilities"]["missing"], [])
same("kernel types", found["kernel types"]["state"], "ok" if types else "missing")
same("oom_kill_process", via["oom_kill_process"], "fentry" if types else "poll")
same("mark_victim", via["mark_victim"], "fentry" if types else "tracepoint")
same("systemd", report["systemd"], said("systemctl --version").split("(")[1].split(")")[0])
loaded = said("systemctl show -P LoadState systemd-oomd")
running = said("systemctl is-active systemd-oomd") if loaded == "loaded" else loaded
same("systemd-oomd", found["systemd-oomd"]["found"].split(":")[0], "running" if running == "active" else running)
same("swap", found["swap"]["found"], "none" if len(text("/proc/swaps").splitlines()) == 1 else found["swap"]["found"])
same("pressure", found["pressure (PSI)"]["state"], "ok" if text("/proc/pressure/memory") else "missing")
lockdown = text("/sys/kernel/security/lockdown")
if lockdown:
    same("lockdown", found["lockdown"]["found"], lockdown.split("[")[1].split("]")[0])
if not legacy:
    same("controllers", found["controllers"]["found"], text("/sys/fs/cgroup/cgroup.controllers"))
    counted = os.path.exists("/sys/fs/cgroup/system.slice/memory.swap.current")
else:
    counted = os.path.exists("/sys/fs/cgroup/memory/system.slice/memory.memsw.usage_in_bytes")
same("swap accounting", "swap accounting" not in found, counted)
same("above.service", found.get("above.service", {}).get("found"),
     "MemoryMax=128.0M is above narrow.slice's MemoryMax=64.0M")
same("within.service", "within.service" in found, False)
# There is no memory.high on v1.
same("slowed.service", found.get("slowed.service", {}).get("found"), None if legacy else "MemoryHigh=256.0M and no swap")
for name in ("pid namespace", "cgroup namespace", "cgroup file system"):
    same(name, name in found, False)

report = json.load(open(f"{out}/nobody.json"))
same("nobody: status", text(f"{out}/nobody.status"), "77")
same("nobody: sees_kills", report["sees_kills"], False)
same("nobody: missing", report["capabilities"]["missing"],
     ["CAP_BPF", "CAP_PERFMON", *([] if text(f"{out}/nobody.tracing") == "0" else ["CAP_DAC_READ_SEARCH"]),
      "CAP_SYSLOG", "CAP_SYS_RESOURCE"])
same("nobody: attached", {probe["via"] for probe in report["probes"]} <= {"poll", "none"}, True)
same("nobody: mark_victim", {probe["name"]: probe["via"] for probe in report["probes"]}["mark_victim"], "none")
print("; ".join(wrong) or "nothing")
