# trace: limit=40M seconds=420 kind=calm class=warmup,steady split=tune
# A template, a pattern, a schema for each customer, made when the customer first comes; most come again and again.
import json, random, time
random.seed(8)
known = {}
while True:
    for _ in range(random.randint(1, 9)):
        customer = int(random.paretovariate(0.6)) % 4000
        if customer not in known:
            known[customer] = {f"{customer}/{n}": [n] * 6 for n in range(160)}
        json.dumps(known[customer])
    time.sleep(0.15)
