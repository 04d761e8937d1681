# What the stream $1 holds of the leak whose process was $2, as truths that begin with $3: `yes`, or what there is instead.
import datetime, json, sys
path, pid, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lines = []
for text in open(path):
    try:
        lines.append(json.loads(text))
    except ValueError:
        pass
def of(event):
    return [line for line in lines if line["event"] == event and line.get("unit") == "leak.service"]
def at(line):
    return datetime.datetime.fromisoformat(line["ts"][:26].rstrip("Z")).timestamp()
def tell(key, holds, instead):
    print(f"{name}_{key}=" + ("yes" if holds else str(instead).replace(" ", "_")))

samples, kills = of("sample"), [line for line in of("kill") if line["victim"]["pid"] == pid]
tell("KILLED", len(kills) == 1, f"{len(kills)} kills")
if not kills:
    sys.exit()
kill = kills[0]
killed = at(kill)

# Sampled about once a second: a busy machine may be late, by no more than some seconds.
times = [at(line) for line in samples] + [killed]
gaps = sorted(later - earlier for earlier, later in zip(times, times[1:]))
tell("SAMPLED", len(samples) >= 60 and gaps[len(gaps) // 2] <= 2 and gaps[-1] <= 8,
     f"{len(samples)} samples, gaps {gaps[len(gaps) // 2]:.1f} in the middle, {gaps[-1]:.1f} at most" if gaps else "no sample")
# Where it holds nothing yet, systemd has made its cgroup and is still to write its limit.
limits = [line["memory"].get("max") for line in samples if line["memory"].get("current")]
tell("LIMITS", limits and all(limit == 128 << 20 for limit in limits), sorted(set(map(str, limits))))

raised = [at(line) for line in of("forecast") if line["state"] == "raised"]
began = times[0] if samples else killed
share = (raised[0] - began) / (killed - began) if raised and killed > began else None
tell("WARNED", share is not None and share <= 0.5, "never" if share is None else f"at {share:.2f} of its life")

# Twelve samples from before of whoever held it: itself, and the slice with the other limit.
for key, cgroup in ("OWN", kill["cgroup"]["path"]), ("SLICE", "/crowd.slice"):
    before = [line for line in (kill["before"] or {}).get("samples") or [] if line["cgroup"] == cgroup]
    age = killed - max(map(at, before)) if before else None
    holds = len(before) >= 12 and age <= 3 and all(line["memory"].get("max") is not None for line in before)
    tell("BEFORE_" + key, holds, f"{len(before)} samples, the newest {age:.1f} s old" if before else "none")
tell("LIMIT", kill["limit"] and kill["limit"].get("bytes") == 128 << 20, kill["limit"])
tell("NONE_LOST", not any(line["event"] == "lost" and line["stream"] == "kill" for line in lines), "lost")
