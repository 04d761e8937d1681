# Whether functions are named that a JIT made, and those around it. Argument: the event. Prints KEY=VALUE lines.
import json, sys

event = json.loads(open(sys.argv[1]).readline())
MIB = 1 << 20
below = [stack for stack in event["stacks"] if "site_below_jit" in stack["frames"]]
jit = [stack for stack in below if "jitted_function" in stack["frames"]]
for stack in event["stacks"][:3]:
    print(stack["bytes"] / MIB, stack["whole"], stack["frames"], file=sys.stderr)
held = sum(stack["bytes"] for stack in jit)
print("UNIT=" + event["unit"])
# One page in sixteen, so that the estimate is within a few in a hundred.
print("JIT=" + ("yes" if abs(held - 12 * MIB) < 1.5 * MIB else f"{held / MIB:.1f}"))
order = lambda frames: frames.index("site_below_jit") < frames.index("jitted_function")
print("BELOW=" + ("yes" if jit and all(order(stack["frames"]) for stack in jit) else "no"))
# Named though the file that has the names is gone.
print("DELETED=" + ("yes" if jit and all("main" in stack["frames"] for stack in jit) else "no"))
print("WHOLE=" + ("yes" if jit and all(stack["whole"] for stack in jit) else "no"))
