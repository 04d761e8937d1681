# trace: limit=192M seconds=300 kind=calm split=score needs=freeradius,freeradius-utils
# FreeRADIUS: logins of a wireless network by PAP, in waves as people come and go; wrong passwords among them.
import os, random, subprocess, time
random.seed(102)
home = os.getcwd()
subprocess.run("cp -rL /etc/freeradius/3.0 raddb && rm -f raddb/mods-enabled/eap raddb/mods-enabled/unix", shell=True)
open("raddb/mods-config/files/authorize", "w").write("".join(f'u{n} Cleartext-Password := "secret{n}"\n\tReply-Message := "hello"\n' for n in range(5000)))
text = open("raddb/radiusd.conf").read()
for name, value in (("logdir", home + "/log"), ("raddbdir", home + "/raddb"), ("run_dir", home + "/run"), ("db_dir", home + "/raddb"), ("pidfile", home + "/run/pid")):
    text = "\n".join(f"{name} = {value}" if line.split("=")[0].strip() == name else line for line in text.split("\n"))
text = "\n".join(line for line in text.split("\n") if line.split("=")[0].strip() not in ("user", "group"))
open("raddb/radiusd.conf", "w").write(text)
os.makedirs("log/radacct"); os.makedirs("run")
for name in ("inner-tunnel",):
    if os.path.exists("raddb/sites-enabled/" + name): os.remove("raddb/sites-enabled/" + name)
open("raddb/sites-enabled/default", "w").write('''server default {
listen { type = auth
 ipaddr = 127.0.0.1
 port = 23610
}
listen { type = acct
 ipaddr = 127.0.0.1
 port = 23611
}
authorize { preprocess
 files
 pap
}
authenticate {
 Auth-Type PAP {
  pap
 }
}
preacct { preprocess
 acct_unique
}
accounting {
 detail
}
}
''')
subprocess.Popen(["freeradius", "-f", "-d", home + "/raddb", "-l", "stdout"], stdout=open("out.log", "w"))
time.sleep(3)
while True:
    wave = 40 if time.time() % 90 < 15 else 4
    requests = "\n\n".join(f'User-Name = "u{n}"\nUser-Password = "{"secret" + str(n) if random.random() < 0.9 else "no"}"' for n in (random.randrange(5000) for _ in range(wave)))
    subprocess.run(["radclient", "-q", "-p", "10", "127.0.0.1:23610", "auth", "testing123"], input=requests.encode(), stdout=subprocess.DEVNULL)
    accounts = "\n\n".join(f'User-Name = "u{n}"\nAcct-Status-Type = {random.choice(("Start", "Stop"))}\nAcct-Session-Id = "{random.getrandbits(32):x}"' for n in (random.randrange(5000) for _ in range(wave)))
    subprocess.run(["radclient", "-q", "-p", "10", "127.0.0.1:23611", "acct", "testing123"], input=accounts.encode(), stdout=subprocess.DEVNULL)
    time.sleep(1)
