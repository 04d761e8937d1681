# Whether the shares are right, and what the follower took. Arguments: GiB of the unit, its lines, and what followers.py wrote.
import json, sys

size, lines, taken = int(sys.argv[1]), [json.loads(line) for line in open(sys.argv[2])], dict(map(str.split, open(sys.argv[3])))
told = max(lines, key=lambda line: line["bytes"])
of = {name: sum(one["bytes"] for one in told["stacks"] if any(name in frame for frame in one["frames"])) for name in ("seventy", "thirty")}
shares = {name: 100 * held / told["bytes"] for name, held in of.items()}
most = int(taken["sum"])
print(f"{told['bytes'] >> 20} MiB followed, one page in {told['one_in']}, {told['lost']} lost; "
      + ", ".join(f"{name}: {share:.1f} %" for name, share in shares.items())
      + f"; follower and maps: {most >> 10} MiB at most")
is_right = abs(shares["seventy"] - 70) <= 10 and abs(shares["thirty"] - 30) <= 10
sys.exit(not (is_right and most <= 32 << 10 and told["bytes"] >= size * 0.9 * (1 << 30)))
