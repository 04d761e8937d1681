# What the first stream ($1) told of the run that it saw, and what the second one ($2) made of it.
import datetime, json, sys
def lines(path):
    return [json.loads(text) for text in open(path)]
def at(line):
    return datetime.datetime.fromisoformat(line["ts"][:26]).timestamp()
def share(stream):
    samples = [line for line in stream if line["event"] == "sample" and line.get("unit") == "kr.service"]
    kill = [line for line in stream if line["event"] == "kill"][0]
    raised = [at(line) for line in stream if line["event"] == "forecast" and line["state"] == "raised"]
    return (raised[0] - at(samples[0])) / (at(kill) - at(samples[0])) if raised else 1
first, second = lines(sys.argv[1]), lines(sys.argv[2])
runs = [(line["state"], line["run"]["end"]) for stream in (first, second) for line in stream if line["event"] == "run"]
print("RUNS=" + " ".join(f"{state}:{end}" for state, end in runs))
print(f"SHARES={share(first):.2f},{share(second):.2f}")
print("WARNED=" + ("earlier" if share(second) < share(first) else "no earlier"))
kill = [line for line in second if line["event"] == "kill"][0]
print("EARLIER=" + str((kill["before"]["trend"] or {}).get("earlier", {}).get("end")))
