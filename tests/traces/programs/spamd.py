# trace: limit=384M seconds=300 kind=calm split=score needs=spamd
# spamd (SpamAssassin, local tests only) scans mails that come in bursts; its children grow with load and go again.
import os, random, socket, subprocess, threading, time
random.seed(61)
os.chmod(".", 0o777)
subprocess.Popen(["spamd", "-L", "-i", "127.0.0.1", "-p", "23230", "-m", "4", "--min-children=1", "--max-conn-per-child=40", "-x", "-s", "stderr",
                  "-H", os.getcwd(), "-r", os.path.abspath("pid")])
words = "cheap offer meeting report invoice click here now free winner project deadline please regards money account team lunch".split()
def mail():
    text = "\n".join(" ".join(random.choices(words, k=12)) for _ in range(random.randrange(10, 200)))
    message = f"From: a{random.randrange(99)}@example.com\nTo: b@example.org\nSubject: {random.choice(words)}\nDate: Mon, 11 Nov 2024 10:00:00 +0000\nMessage-ID: <{random.random()}@x>\n\n{text}\n".replace("\n", "\r\n").encode()
    try:
        client = socket.create_connection(("127.0.0.1", 23230))
        client.sendall(b"CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n" % len(message) + message)
        answer = client.recv(1000)
        if b"EX_OK" not in answer: print(answer)
    except OSError as error: print(error)
while True:
    burst = random.choice((1, 1, 1, 1, 2, 6))
    threads = [threading.Thread(target=mail) for _ in range(burst)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    time.sleep(burst * random.uniform(3, 9))
