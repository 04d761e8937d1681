# trace: limit=512M seconds=300 kind=calm split=score needs=clamav-daemon
# clamd with signatures of our own scans uploads; about each ninety seconds the database is new and is loaded beside the old one.
import os, random, socket, subprocess, time
random.seed(51)
os.mkdir("db")
def database(count):
    made = random.Random(1)
    with open("db/new", "w") as file:
        for number in range(count):
            file.write(f"Test.Mal-{number}:0:*:{made.getrandbits(160):040x}{{-20}}{made.getrandbits(64):016x}\n")
    os.rename("db/new", "db/main.ndb")
    with open("db/new", "w") as file:
        for number in range(count):
            file.write(f"{made.getrandbits(128):032x}:{made.randrange(10**6)}:Test.Hash-{number}\n")
    os.rename("db/new", "db/main.hdb")
count = 40000
database(count)
os.mkdir("files")
for number in range(60):
    open(f"files/{number}", "wb").write(os.urandom(random.randrange(1000, 400000)))
open("clamd.conf", "w").write(f"Foreground yes\nLocalSocket {os.getcwd()}/socket\nDatabaseDirectory {os.getcwd()}/db\nTemporaryDirectory {os.getcwd()}\n"
                              "User root\nSelfCheck 0\nMaxThreads 6\n")
subprocess.Popen(["clamd", "-c", "clamd.conf"], stdout=subprocess.DEVNULL)
def ask(text):
    client = socket.socket(socket.AF_UNIX)
    client.connect("socket")
    client.sendall(b"z" + text.encode() + b"\0")
    answer = client.recv(1000)
    client.close()
    return answer
while not os.path.exists("socket"): time.sleep(0.2)
last = time.time()
while True:
    for _ in range(random.choice((1, 1, 1, 8))):
        answer = ask(f"SCAN {os.getcwd()}/files/{random.randrange(60)}")
        if b"OK" not in answer: print(answer)
    time.sleep(random.random() * 2)
    if time.time() > last + 90:
        count += random.randrange(1500)
        database(count)
        ask("RELOAD")
        last = time.time()
