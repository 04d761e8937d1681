# How many kill lines a tier ($1) is to give by an expect.json ($2).
import json, sys
expected = json.load(open(sys.argv[2]))
less = expected.get("tiers", {}).get(sys.argv[1], {})
print(less.get("kills", expected["kills"]))
