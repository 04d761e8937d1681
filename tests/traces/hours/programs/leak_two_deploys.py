# trace: limit=96M seconds=6600 kind=leak class=leak split=score
# A leak that two deploys, after twenty-four and forty-nine minutes, begin anew.
import os, random, sys, time
random.seed(62)
since = float(sys.argv[1]) if len(sys.argv) > 1 else time.time()
deploys = [float(age) for age in sys.argv[2:]] if len(sys.argv) > 1 else [1440.0, 2940.0]
kept = [bytearray(random.randrange(1_000, 9_000)) for _ in range(2_000)]
while True:
    kept.extend(bytearray(random.randrange(1_000, 9_000)) for _ in range(random.randrange(2, 12)))
    if deploys and time.time() - since > deploys[0]:
        os.execv(sys.executable, [sys.executable, __file__, str(since), *map(str, deploys[1:])])
    time.sleep(1)
