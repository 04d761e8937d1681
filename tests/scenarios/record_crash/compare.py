# Is the replay of a folder the live stream of the recorders that wrote it, but for the seconds that the first one's end cost?
import json, sys
from datetime import datetime

def read(path):
    lines = []
    for text in open(path):
        try:
            line = json.loads(text)
        except ValueError:
            break  # cut by the kill
        line.pop("seq")  # goes on through both in the replay
        lines.append(line)
    return lines

def seconds(line):
    return datetime.fromisoformat(line["ts"][:26]).timestamp()

first, second, replayed = map(read, sys.argv[1:])
crash = next(place for place, line in enumerate(replayed) if line["event"] == "stop" and line["reason"] == "crash")
before, after = replayed[:crash], replayed[crash + 1:]
print("BEFORE=%d" % (before == first[:len(before)]))
print("AFTER=%d" % (after == second))
# A frame of five seconds, and the tick that ends it.
print("AT_MOST=%d" % (seconds(first[-1]) - seconds(before[-1]) < 7))
print("NAMED=%d" % (replayed[crash]["ts"] == before[-1]["ts"]))
print("seconds lost: %.1f; lines: live %d and %d, replayed %d" % (seconds(first[-1]) - seconds(before[-1]), len(first), len(second), len(replayed)), file=sys.stderr)
