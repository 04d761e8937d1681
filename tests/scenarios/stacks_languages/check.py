# Whether the places of a program are named, with their shares. Arguments: what it is written in, and the event. Prints KEY=VALUE lines.
import json, sys

language = sys.argv[1]
event = json.loads(open(sys.argv[2]).readline())
MIB = 1 << 20

def holds(stack, site):
    # py::site_seventy:/a.py, JS:^site_seventy /a.js:1:2, void Sites.siteSeventy(int)
    return any(site in frame.lower().replace("_", "") for frame in stack["frames"])

def of(site):
    return [stack for stack in event["stacks"] if holds(stack, site)]

held = {site: sum(stack["bytes"] for stack in of(site)) / MIB for site in ("siteseventy", "sitethirty", "sitefreeing")}
print(language, {site: round(size, 1) for site, size in held.items()}, "of", round(event["bytes"] / MIB, 1), "grown", event["grown"] / MIB,
      "unresolved", event["unresolved"], "lost", event["lost"], file=sys.stderr)
for stack in event["stacks"][:6]:
    print("   ", round(stack["bytes"] / MIB, 1), stack["kind"], stack.get("unnamed"), stack["whole"], stack["frames"][:14], file=sys.stderr)
both = held["siteseventy"] + held["sitethirty"]
share = held["siteseventy"] / max(both, 1) * 100
said = {
    "SHARE": "70" if abs(share - 70) < 10 else f"{share:.0f}",
    # What these two took is 30 MiB, and little else is taken.
    "BOTH": "yes" if abs(both - 30) < 3 and both > 0.9 * event["bytes"] / MIB else f"{both:.1f}",
    "FREEING": "no" if held["sitefreeing"] < 1 else f"{held['sitefreeing']:.1f}",
    "CALLER": "yes" if all(holds(stack, "caller") for stack in of("siteseventy") if stack["bytes"] > MIB) else "no",
    "RESOLVED": "yes" if event["unresolved"] < 0.05 else str(event["unresolved"]),
}
for key, value in said.items():
    print(f"{language.upper()}_{key}={value}")
