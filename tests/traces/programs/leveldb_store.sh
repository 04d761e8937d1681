# trace: limit=24M seconds=300 kind=calm split=tune needs=python3-plyvel
# A store of sensor values on LevelDB: write buffer of 8 MB, block cache of 32 MB, compactions, scans, retention each 70 s.
/usr/bin/python3 - <<'PY'
import plyvel, random, time
r = random.Random(121); db = plyvel.DB("db", create_if_missing=True, write_buffer_size=8 << 20, lru_cache_size=32 << 20, bloom_filter_bits=10)
start = time.time(); swept = start; at = 0
while True:
    with db.write_batch() as batch:
        for _ in range(r.randrange(60)):
            at += 1; batch.put(b"%04d/%012d" % (r.randrange(800), at), r.randbytes(r.randrange(20, 1200)))
    for _ in range(4):
        prefix = b"%04d/" % r.randrange(800)
        for n, (key, value) in enumerate(db.iterator(prefix=prefix, reverse=True)):
            if n > 20: break
    if r.random() < 0.02: sum(len(v) for k, v in db.iterator(prefix=b"%03d" % r.randrange(80)))
    if time.time() > swept + 70:
        swept = time.time()
        for sensor in range(800):
            with db.write_batch() as batch:
                for key in db.iterator(start=b"%04d/" % sensor, stop=b"%04d/%012d" % (sensor, max(0, at - 30000)), include_value=False): batch.delete(key)
            time.sleep(0.005)
    time.sleep(0.1)
PY
