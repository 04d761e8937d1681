# The kill lines that are due, by the kernel's own log since $1, in seconds after the boot: which of its stressors asked and
# which was killed, or whether the process above them was killed too, nobody else knows.
import json, re, sys
begun, trigger = float(sys.argv[1]), None
for line in sys.stdin:
    time = re.match(r"\[ *([0-9.]+)\]", line)
    if not time or float(time[1]) < begun:
        continue
    if dumped := re.search(r"\bCPU: \d+ (?:UID: \d+ )?PID: (\d+) ", line):
        trigger = int(dumped[1])
    if chosen := re.search(r"oom-kill:.*,task_memcg=/system.slice/stressed.service,.*pid=(\d+)", line):
        kill = {"event": "kill", "unit": "stressed.service", "origin": "memcg_limit",
                "victim": {"pid": int(chosen[1]), "comm": "stress-ng-vm"}, "trigger": {"pid": trigger},
                "limit": {"relation": "own", "bytes": 67108864}}
        print(json.dumps(kill))
