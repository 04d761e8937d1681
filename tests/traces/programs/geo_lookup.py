# trace: limit=96M seconds=300 kind=calm split=tune
# A look-up service whose table of networks is read in the first 45 s and then stays; afterwards it answers, with a small bounded memo.
import bisect, functools, random, time
random.seed(5108)
starts, records, address = [], [], 0
for step in range(450):
    for _ in range(340):
        address += random.randrange(1, 25000)
        starts.append(address)
        records.append(("net-%x" % address, random.choice(("de", "fr", "jp", "us", "br")), random.uniform(-90, 90), "%d.example.net" % address))
    time.sleep(0.1)
@functools.lru_cache(maxsize=5000)
def find(number):
    record = records[bisect.bisect(starts, number) - 1]
    return {"net": record[0], "country": record[1], "text": "%s (%s) at %.3f" % (record[3], record[1], record[2])}
while True:
    for _ in range(random.randrange(10, 60)):
        find(int(random.paretovariate(0.3) * 1000) % address)
    time.sleep(0.1)
