# trace: limit=48M seconds=300 kind=calm split=score needs=fail2ban
# fail2ban reads the log of sshd and of a web server; attackers come in waves and are banned for a minute.
import os, random, subprocess, time
random.seed(83)
home = os.getcwd()
os.mkdir("action.d")
open("auth.log", "w").close(); open("access.log", "w").close()
subprocess.run("cp -r /etc/fail2ban/filter.d /etc/fail2ban/fail2ban.conf /etc/fail2ban/paths-common.conf . && cp /etc/fail2ban/action.d/dummy.conf action.d/", shell=True)
open("fail2ban.local", "w").write(f"[Definition]\ndbfile = {home}/f2b.sqlite\n")
open("jail.conf", "w").write(f'''
[DEFAULT]
bantime = 60
findtime = 120
maxretry = 4
backend = polling
usedns = no
action = dummy[target={home}/banned]
[sshd]
enabled = true
filter = sshd
logpath = {home}/auth.log
[apache-badbots]
enabled = true
filter = apache-badbots
logpath = {home}/access.log
''')
subprocess.Popen(["fail2ban-server", "-f", "-c", home, "-s", home + "/socket", "-p", home + "/pid", "--logtarget", home + "/f2b.log", "-x"])
auth, access = open("auth.log", "a", 1), open("access.log", "a", 1)
while True:
    wave = random.random() < 0.03
    for _ in range(300 if wave else random.randrange(6)):
        stamp = time.strftime("%b %d %H:%M:%S")
        address = f"203.0.{random.randrange(4)}.{random.randrange(60 if wave else 250)}"
        print(f"{stamp} host sshd[{random.randrange(9999)}]: Failed password for invalid user admin from {address} port {random.randrange(65535)} ssh2", file=auth)
        print(f"{address} - - [{time.strftime('%d/%b/%Y:%H:%M:%S +0000', time.gmtime())}] \"GET / HTTP/1.1\" 200 512 \"-\" \"{random.choice(('Mozilla/5.0', 'EmailSiphon'))}\"", file=access)
    time.sleep(0.5)
