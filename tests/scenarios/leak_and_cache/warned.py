# When the leak was warned of, against its life, and whether the reader was; from the stream $1.
import datetime, json, sys
lines = []
for text in open(sys.argv[1]):
    try:
        lines.append(json.loads(text))
    except ValueError:
        pass
def of(event, unit):
    return [line for line in lines if line["event"] == event and line.get("unit") == unit]
def at(line):
    return datetime.datetime.fromisoformat(line["ts"][:26]).timestamp()
began, killed = at(of("sample", "leak.service")[0]), at(of("kill", "leak.service")[0])
raised = [at(line) for line in of("forecast", "leak.service") if line["state"] == "raised"]
share = (raised[0] - began) / (killed - began) if raised else 1
print(f"SHARE={share:.2f}")
print("WARNED=" + ("early" if share <= 0.5 else "late"))
print("READER_WARNED=" + ("once" if of("forecast", "reader.service") else "never"))
most = max(line["memory"]["current"] / line["memory"]["max"] for line in of("sample", "reader.service"))
print("READER=" + ("full" if most > 0.95 else "not full"))
