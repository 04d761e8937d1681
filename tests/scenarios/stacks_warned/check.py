# What the recording has of the code that filled a unit. Arguments: its lines, and what followers took. Prints KEY=VALUE lines.
import json, sys

lines = [json.loads(line) for line in open(sys.argv[1])]
kill = next(place for place, line in enumerate(lines) if line["event"] == "kill")
before, after = lines[:kill], lines[kill + 1:]
MIB = 1 << 20
for line in before + after:
    print(line["ts"], line["window_seconds"], line["bytes"] / MIB, line["one_in"], line["lost"], line["unresolved"], file=sys.stderr)
print("MINUTE=" + ("yes" if before else "no"))
# What the process held is given back by the time that its kill is told.
print("AT_KILL=" + ("yes" if after and after[0]["bytes"] > 20 * MIB else "no"))
held = sum(stack["bytes"] for line in after[:1] for stack in line["stacks"] if "site_seventy" in stack["frames"])
print("PLACE=" + ("yes" if after and held > 0.9 * after[0]["bytes"] else f"{held}"))
most = {name: int(value) for name, value in map(str.split, open(sys.argv[2]))}
print("took", most, file=sys.stderr)
print(f"FOLLOWERS={most['count']}")
# With what the kernel has for them, and as they start.
print("MEMORY=" + ("yes" if most["sum"] <= 32 << 10 else str(most["sum"])))
