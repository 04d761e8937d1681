# trace: limit=128M seconds=420 kind=leak class=leak split=score
# Events in a database in memory, with an index, that nothing ever deletes.
import sqlite3, time
database = sqlite3.connect(":memory:")
database.execute("create table event (at real, kind text, body text)")
database.execute("create index kinds on event (kind, at)")
number = 0
while True:
    number += 1
    rows = [(time.time(), f"kind {number % 90}", "x" * 700) for _ in range(80)]
    database.executemany("insert into event values (?, ?, ?)", rows)
    time.sleep(0.2)
