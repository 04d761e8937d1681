# How many kill lines a tier ($1) is to give on a kernel ($2) by an expect.json ($3).
import json, sys
tier, release, path = sys.argv[1:]
expected = json.load(open(path))
series = ".".join(release.split(".")[:2])
less = [expected.get("tiers", {}).get(tier, {}), expected.get("kernels", {}).get(series, {})]
print(min([expected["kills"]] + [each["kills"] for each in less if "kills" in each]))
