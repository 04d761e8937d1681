# trace: limit=96M seconds=300 kind=calm split=tune needs=python3-xapian
# A mail search on Xapian: an indexer that commits each 1500 documents, a searcher that opens the index anew, a compaction each 90 s.
cat > index.py <<'PY'
import random, time, xapian
r = random.Random(131); db = xapian.WritableDatabase("index", xapian.DB_CREATE_OR_OPEN); t = xapian.TermGenerator(); t.set_stemmer(xapian.Stem("en")); n = 0
while True:
    n += 1; d = xapian.Document(); t.set_document(d)
    text = " ".join("term%d" % r.paretovariate(0.25) for _ in range(r.randrange(20, 250))); t.index_text(text); d.set_data(text[:400]); d.add_boolean_term("Q%d" % (n % 12000)); db.replace_document("Q%d" % (n % 12000), d)
    if n % 1500 == 0: db.commit()
    time.sleep(r.expovariate(45))
PY
cat > search.py <<'PY'
import random, time, xapian
r = random.Random(132); db = None; compacted = time.time()
while True:
    try:
        if db is None: db = xapian.Database("index")
        else: db.reopen()
        for _ in range(r.randrange(5, 30)):
            e = xapian.Enquire(db); e.set_query(xapian.Query(r.choice((xapian.Query.OP_OR, xapian.Query.OP_AND)), ["term%d" % r.paretovariate(0.4) for _ in range(3)]))
            [m.document.get_data() for m in e.get_mset(0, 30)]; time.sleep(r.expovariate(5))
        if time.time() > compacted + 90: compacted = time.time(); db.compact("compact")
    except xapian.DatabaseError: db = None; time.sleep(1)
PY
/usr/bin/python3 index.py &
sleep 2
/usr/bin/python3 search.py
