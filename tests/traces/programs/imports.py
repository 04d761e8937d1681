# trace: limit=96M seconds=300 kind=calm class=steady,sawtooth split=score
# A program that imports module after module as it needs them, then serves.
import importlib, json, random, sys, time
random.seed(9)
for name in sorted(sys.stdlib_module_names):
    if not name.startswith("_") and name not in ("antigravity", "this"):
        try:
            importlib.import_module(name)
        except BaseException:
            pass
        time.sleep(0.5)
while True:
    json.loads(json.dumps([random.random() for _ in range(20000)]))
    time.sleep(0.3)
