# trace: limit=64M seconds=300 kind=calm split=score needs=exim4-daemon-light
# exim takes mails in bursts (a newsletter, a report) and delivers them to mailboxes; a queue runner each twenty seconds.
import os, random, smtplib, subprocess, threading, time
random.seed(72)
home = os.getcwd()
os.chmod(home, 0o755)
os.mkdir("spool"); os.mkdir("boxes")
subprocess.run(["chown", "-R", "Debian-exim:Debian-exim", "spool", "boxes"])
open("exim.conf", "w").write(f'''
primary_hostname = mail.example
spool_directory = {home}/spool
log_file_path = {home}/spool/%slog
pid_file_path = {home}/spool/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = 23260
domainlist local = mail.example
acl_smtp_rcpt = accept
queue_only_load = 50
queue_run_max = 4
smtp_accept_queue_per_connection = 10
tls_advertise_hosts =
never_users =
begin acl
accept:
  accept
begin routers
local:
  driver = accept
  local_parts = {' : '.join('u%d' % n for n in range(30))}
  transport = box
begin transports
box:
  driver = appendfile
  file = {home}/boxes/$local_part_data
  user = Debian-exim
  delivery_date_add
  envelope_to_add
begin retry
* * F,1h,1m
''')
subprocess.Popen(["exim4", "-C", home + "/exim.conf", "-bdf", "-q20s"])
time.sleep(2)
def send(count):
    try:
        with smtplib.SMTP("127.0.0.1", 23260) as client:
            for _ in range(count):
                client.sendmail("a@mail.example", [f"u{random.randrange(30)}@mail.example" for _ in range(random.choice((1, 1, 1, 5)))],
                                "Subject: report\r\n\r\n" + "some words of text\r\n" * random.randrange(10, 4000))
    except (OSError, smtplib.SMTPException) as error: print(error)
while True:
    burst = random.random() < 0.12
    threads = [threading.Thread(target=send, args=(random.randrange(20) if burst else 1,)) for _ in range(5 if burst else 1)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    time.sleep(random.expovariate(0.5))
