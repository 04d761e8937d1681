# Whether the places that took memory are told with their shares. Argument: the event. Prints KEY=VALUE lines.
import json, sys

event = json.loads(open(sys.argv[1]).readline())
held = {}
for stack in event["stacks"]:
    for site in "site_seventy", "site_thirty", "site_freeing", "site_memfd", "site_pipe":
        if site in stack["frames"]:
            of = held.setdefault((site, stack["kind"]), 0)
            held[site, stack["kind"]] = of + stack["bytes"]
MIB = 1 << 20
print("found", {key: round(value / MIB, 1) for key, value in held.items()}, "of", event["bytes"] / MIB, "grown", event["grown"] / MIB,
      "unresolved", event["unresolved"], "lost", event["lost"], file=sys.stderr)

def about(site, kind, truth):
    # One page in four, so that the estimate is within a few in a hundred: of 9 MiB one in sixteen are 144 pages, give or take twelve.
    return "yes" if abs(held.get((site, kind), 0) - truth * MIB) <= 0.1 * truth * MIB else f"{held.get((site, kind), 0) / MIB:.1f}"

print("UNIT=" + event["unit"])
print("SEVENTY=" + about("site_seventy", "anon", 21))
print("THIRTY=" + about("site_thirty", "anon", 9))
print("MEMFD=" + about("site_memfd", "shmem", 12))
print("PIPE=" + about("site_pipe", "kernel", 8))
# The last round's may be in the hands of the page allocator's own lists.
print("FREEING=" + ("no" if held.get(("site_freeing", "anon"), 0) < MIB else "yes"))
caller = [stack for stack in event["stacks"] if "caller" in stack["frames"] and "site_seventy" in stack["frames"]]
print("CALLED_BY=" + ("yes" if caller and all(stack["frames"].index("caller") > stack["frames"].index("site_seventy") for stack in caller) else "no"))
print("RESOLVED=" + ("yes" if event["unresolved"] < 0.05 else str(event["unresolved"])))
print("ALL=" + ("yes" if abs(event["bytes"] - event["grown"]) < 0.1 * event["grown"] else f'{event["bytes"]} of {event["grown"]}'))
# On a busy machine an emulated guest is slow to name the first stacks.
print("LOST=" + ("few" if event["lost"] * event["one_in"] * 4096 < 0.1 * event["bytes"] else str(event["lost"])))
