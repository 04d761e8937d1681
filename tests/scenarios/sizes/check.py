# Which sizes of the sample or the kill ($1) are more than 2 % off what was so ($2 has it), or "nothing".
import json, os, sys
what, out = sys.argv[1:]
held = dict(line.split(":", 1) for line in open(f"{out}/held") if ":" in line)
kib = lambda name: int(held[name].split()[0]) << 10
lines = [json.loads(line) for line in open(f"{out}/events.jsonl") if line.endswith("\n")]
lines = [line for line in lines if line["event"] == what and line.get("unit") == "sized.service"]
if not lines:
    sys.exit("none yet")
told = lines[-1]
wrong = []
# With fewer probes a size may be unknown, and is right where it is told.
must = "/full/" in out


def check(name, value, expected, late=0):
    if value is None and not must:
        return
    if value is None or abs(value - expected) > expected * 0.02 + late:
        wrong.append(f"{name} {value} instead of {expected}")


if what == "sample":
    check("memory.current", told["memory"]["current"], int(open(f"{out}/current").read()))
    check("memory.max", told["memory"]["max"], 128 << 20)
    # The cgroup's counter is exact once it is at rest.
    check("memory.shmem", told["memory"]["shmem"], 8 << 20)
else:
    victim = told["victim"]
    check("anon", victim["anon"], kib("RssAnon"))
    # A process's own counters may be late by 64 pages (mm/memory.c: TASK_RSS_EVENTS_THRESH, up to 6.1).
    check("shmem", victim["shmem"], 8 << 20, late=64 * os.sysconf("SC_PAGE_SIZE"))
    check("total_vm", victim["total_vm"], kib("VmSize"))
    check("limit", told["limit"]["bytes"], 32 << 20)
    # What can be given back is gone by then: files, and little of them.
    least = kib("RssAnon") + kib("RssShmem")
    usage = told["limit"]["usage"]
    if (must or usage is not None) and not least * 0.98 <= (usage or 0) <= int(open(f"{out}/current").read()) * 1.02:
        wrong.append(f"usage {usage}, at least {least} was held")
    for task in told["tasks"]:
        if task["pid"] == victim["pid"]:
            check("tasks anon", task["anon"], kib("RssAnon"))
    before = [sample["memory"]["current"] for sample in told["before"]["samples"] if sample.get("unit") == "sized.service"]
    if before:
        check("before", before[-1], int(open(f"{out}/current").read()))
print(", ".join(wrong) or "nothing")
