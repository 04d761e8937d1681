# Whether the capture is whole, and whether the stream has all kills and says what it lost; from what lies in $1.
import datetime, json, sys
out = sys.argv[1]
def lines(name):
    read = []
    for text in open(f"{out}/{name}"):
        try:
            read.append(json.loads(text))
        except ValueError:
            pass
    return read
def at(line):
    return datetime.datetime.fromisoformat(line["ts"][:26].rstrip("Z")).timestamp()
def missing(read):
    return len(pids - {line["victim"]["pid"] for line in read if line["event"] == "kill"})

pids = {int(pid) for pid in open(out + "/pids")}
capture, live = lines("folder.jsonl"), lines("live.jsonl")
times = [at(line) for line in capture if line["event"] == "sample" and line.get("unit") == "moving.service"]
gap = max((later - earlier for earlier, later in zip(times, times[1:])), default=float("inf"))
lost = [line["count"] for line in live if line["event"] == "lost" and line["stream"] == "output"]
# A line that says what was lost stands in place of the last of those.
missed = sum(later["seq"] - earlier["seq"] - 1 for earlier, later in zip(live, live[1:]))
print(f"KILLED={len(pids)}")
print(f"CAPTURE_MISSES={missing(capture)}")
print("CAPTURE_GAP=" + ("none" if gap <= 10 else f"{gap:.1f}_s"))
print(f"STREAM_MISSES={missing(live)}")
print("STREAM_SAYS_LOST=" + ("all" if sum(lost) - len(lost) == missed else f"{sum(lost)}_of_{missed}"))
# What was written and what it says that it lost is what was recorded: samples alone, and the capture has every one.
print(f"lost: {sum(lost)}, samples in the stream {sum(line['event'] == 'sample' for line in live)}, "
      f"in the capture {sum(line['event'] == 'sample' for line in capture)}", file=sys.stderr)
