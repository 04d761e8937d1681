# trace: limit=96M seconds=300 kind=calm split=tune needs=proftpd-core,openssl
# proftpd: branches send their files in a wave each half minute, others list and fetch; a process for each client.
import ftplib, io, os, random, subprocess, threading, time
random.seed(94)
home = os.getcwd()
os.chmod(home, 0o755)
os.makedirs("files"); os.chmod("files", 0o777)
hash_ = subprocess.run(["openssl", "passwd", "-5", "secret"], capture_output=True, text=True).stdout.strip()
open("passwd", "w").write(f"ftp1:{hash_}:65534:65534::{home}/files:/bin/false\n")
os.chmod("passwd", 0o600)
open("proftpd.conf", "w").write(f'''ServerName x
ServerType standalone
DefaultAddress 127.0.0.1
Port 23360
UseIPv6 off
User nobody
Group nogroup
AuthOrder mod_auth_file.c
AuthUserFile {home}/passwd
RequireValidShell off
PidFile {home}/pid
ScoreboardFile {home}/score
DelayEngine off
SystemLog {home}/log
TransferLog none
WtmpLog off
MaxInstances 30
AllowOverwrite on
PassivePorts 24000 24400
''')
subprocess.Popen(["proftpd", "-n", "-c", home + "/proftpd.conf"], stderr=subprocess.DEVNULL)
time.sleep(2)
def session(send):
    try:
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", 23360)
            client.login("ftp1", "secret")
            for _ in range(random.randrange(2, 8)):
                if send: client.storbinary(f"STOR f{random.randrange(80)}", io.BytesIO(os.urandom(random.randrange(2000000))))
                else:
                    names = client.nlst()
                    if names: client.retrbinary("RETR " + random.choice(names), lambda data: None)
                time.sleep(random.random() * 2)
    except (OSError, EOFError, ftplib.Error) as error: print(error)
last = time.time()
while True:
    threading.Thread(target=session, args=(False,)).start()
    if time.time() > last + 30:
        last = time.time()
        for _ in range(8): threading.Thread(target=session, args=(True,)).start()
    time.sleep(random.expovariate(0.3))
