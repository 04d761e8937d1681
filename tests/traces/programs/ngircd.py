# trace: limit=24M seconds=300 kind=calm split=score needs=ngircd
# An IRC server: some hundred users join channels, talk, and leave; each two minutes most of them reconnect at once (netsplit).
import os, random, selectors, socket, subprocess, time
random.seed(95)
home = os.getcwd()
open("ngircd.conf", "w").write(f'''[Global]
Name = irc.example
Listen = 127.0.0.1
Ports = 23370
PidFile = {home}/pid
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 20
[Options]
DNS = no
Ident = no
PAM = no
ChrootDir =
''')
subprocess.Popen(["ngircd", "-n", "-f", home + "/ngircd.conf"], stdout=subprocess.DEVNULL)
while True:
    try: socket.create_connection(("127.0.0.1", 23370)).close(); break
    except OSError: time.sleep(0.2)
users, number = [], 0
def join():
    global number
    number += 1
    client = socket.create_connection(("127.0.0.1", 23370))
    client.sendall(b"NICK n%d\r\nUSER u 0 * :real\r\nJOIN #c%d,#c%d\r\n" % (number, number % 20, number % 7))
    client.setblocking(False)
    users.append((client, number % 20))
next_split = time.time() + 120
while True:
    if len(users) < 250:
        for _ in range(random.randrange(5)): join()
    if time.time() > next_split:
        next_split = time.time() + 120
        for client, _ in users[:180]: client.close()
        del users[:180]
    for client, channel in random.sample(users, min(len(users), 4)):
        try: client.send(b"PRIVMSG #c%d :%s\r\n" % (channel, b"word " * random.randrange(1, 60)))
        except OSError: pass
    for client, channel in list(users):
        try:
            data = client.recv(65536)
            if b"PING" in data: client.send(b"PONG :irc.example\r\n")
            if not data: users.remove((client, channel))
        except BlockingIOError: pass
        except OSError: users.remove((client, channel))
    time.sleep(0.5)
