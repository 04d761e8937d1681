# Compares when systemd-oomd asked and was answered (its journal) with what the service recorded. Prints what is wrong, or "nothing".
import json, os
from datetime import datetime, timezone

out, wrong = os.environ["OUT"], []
hook = f"io.oomtrace.{os.environ['MAIN']}"


def lines(name):
    return [json.loads(line) for line in open(f"{out}/{name}") if line.startswith("{")]


def said(words):
    times = [int(line["_SOURCE_REALTIME_TIMESTAMP"]) / 1e6 for line in lines("oomd.json") if line.get("MESSAGE", "").startswith(words)]
    if len(times) != 1:
        wrong.append(f"{len(times)} times {words!r}")
    return times[0] if times else 0.0


def time(line):
    whole, part = line["ts"].rstrip("Z").split(".")
    return datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp() + float(f"0.{part}")


asked = said(f"Invoking oomd prekill hook {hook} for cgroup /pressed.slice/stalled.service")
answered = said("oomd prekill hook finished for cgroup /pressed.slice/stalled.service")
recorded = [line for line in lines("service.jsonl") if line.get("unit") == "stalled.service"]
kills = [line for line in recorded if line["event"] == "kill"]
if len(kills) != 1 or kills[0]["origin"] != "systemd_oomd":
    wrong.append(f"kills: {kills}")
else:
    kill = kills[0]
    for event in ("sample", "processes"):
        # Samples are told to the millisecond.
        times = [time(line) for line in recorded if line["event"] == event]
        if not any(asked - 0.001 <= at <= answered for at in times):
            wrong.append(f"no {event} from {asked} to {answered}: {times}")
    if not answered <= time(kill):
        wrong.append(f"answered at {answered}, killed at {time(kill)}")
    if not str(kill["killer"]["words"]).startswith("memory pressure for /pressed.slice being "):
        wrong.append(f"words: {kill['killer']['words']}")
    processes = [line for line in recorded if line["event"] == "processes"]
    if processes and kill["victim"]["pid"] not in [task["pid"] for task in processes[-1]["tasks"]]:
        wrong.append(f"the victim is none of {processes[-1]['tasks']}")
    before = [sample for sample in kill["before"]["samples"] if sample.get("unit") == "stalled.service"]
    if not before or not asked - 0.001 <= time(before[-1]) <= time(kill):
        wrong.append(f"the last sample before the kill: {before[-1:]}, killed at {kill['ts']}")
print("; ".join(wrong) or "nothing")
