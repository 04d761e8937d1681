# trace: limit=96M seconds=300 kind=calm class=cache,steady split=score
# A database in a file that grows beyond the unit's limit: page cache, some of it not yet written.
import os, sqlite3, time
database = sqlite3.connect("events.db")
database.execute("pragma journal_mode = wal")
database.execute("create table event (at real, body blob)")
while True:
    with database:
        database.executemany("insert into event values (?, ?)", [(time.time(), os.urandom(20000)) for _ in range(15)])
    time.sleep(0.4)
