# trace: limit=512M seconds=300 kind=calm split=score needs=rspamd
# rspamd (no network tests) scans mails, a steady trickle and now and then a newsletter to many.
import os, random, subprocess, time, urllib.request
random.seed(62)
home = os.getcwd()
os.makedirs("conf/local.d"); os.makedirs("conf/override.d")
open("rspamd.conf", "w").write(f'''
.include "/etc/rspamd/common.conf"
options {{ pidfile = "{home}/pid"; filters = "chartable,dkim,regexp"; dns {{ nameserver = ["127.0.0.1:23241"]; timeout = 0.1s; retransmits = 0; }} temp_dir = "{home}"; url_tld = "/usr/share/rspamd/effective_tld_names.dat"; hs_cache_dir = "{home}"; history_file="{home}/history"; control_socket = "{home}/control mode=0600"; }}
logging {{ type = "console"; level = "error"; }}
worker "normal" {{ bind_socket = "127.0.0.1:23240"; count = 2; }}
worker "controller" {{ bind_socket = "127.0.0.1:23242"; count = 1; secure_ip = "127.0.0.1"; }}
''')
subprocess.Popen(["rspamd", "-f", "-i", "-c", home + "/rspamd.conf", "--var", "DBDIR=" + home, "--var", "RUNDIR=" + home, "--var", "LOGDIR=" + home])
words = "cheap offer meeting report invoice click here now free winner project deadline please regards money account team lunch".split()
time.sleep(5)
while True:
    for _ in range(random.choice((1, 1, 1, 1, 1, 15))):
        text = "\n".join(" ".join(random.choices(words, k=12)) for _ in range(random.randrange(10, 200)))
        message = f"From: a{random.randrange(99)}@example.com\nTo: b@example.org\nSubject: {random.choice(words)}\nDate: Mon, 11 Nov 2024 10:00:00 +0000\nMessage-ID: <{random.random()}@x>\n\n{text}\n"
        try: urllib.request.urlopen("http://127.0.0.1:23240/checkv2", message.encode()).read()
        except OSError as error: print(error)
    time.sleep(random.random() * 2)
