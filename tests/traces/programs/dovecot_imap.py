# trace: limit=64M seconds=300 kind=calm split=score needs=dovecot-imapd
# dovecot: users log in, list, search and read their mail in maildirs; some stay connected, most come and go.
import imaplib, os, random, subprocess, threading, time
random.seed(71)
home = os.getcwd()
os.chmod(home, 0o755)
for user in range(12):
    for folder in ("new", "cur", "tmp"): os.makedirs(f"mail/u{user}/{folder}")
    for number in range(150):
        open(f"mail/u{user}/cur/{1700000000 + number}.M{number}.host:2,S", "w").write(
            f"From: a{number % 9}@example.com\nTo: u{user}@example.org\nSubject: mail {number}\nDate: Mon, 11 Nov 2024 10:00:00 +0000\n\n" + "some words of text\n" * random.randrange(5, 900))
subprocess.run(["chown", "-R", "nobody:nogroup", "mail"])
open("dovecot.conf", "w").write(f'''
protocols = imap
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
mail_location = maildir:{home}/mail/%u
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 23250
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
''')
subprocess.Popen(["dovecot", "-F", "-c", home + "/dovecot.conf"])
time.sleep(2)
def session(stay):
    while True:
        try:
            client = imaplib.IMAP4("127.0.0.1", 23250)
            client.login(f"u{random.randrange(12)}", "secret")
            client.select()
            for _ in range(100 if stay else random.randrange(2, 8)):
                choice = random.random()
                if choice < 0.15: client.search(None, "BODY", '"number %d"' % random.randrange(99))
                elif choice < 0.5: client.fetch("1:*", "(FLAGS ENVELOPE)")
                elif choice < 0.6: client.append("INBOX", None, None, b"Subject: new\r\n\r\n" + b"word\r\n" * random.randrange(5000))
                else: client.fetch(str(random.randrange(1, 150)), "(RFC822)")
                time.sleep(random.expovariate(0.5 if stay else 1))
            client.logout()
        except (OSError, imaplib.IMAP4.error) as error: print(error)
        time.sleep(random.expovariate(0.1))
for number in range(10): threading.Thread(target=session, args=(number < 4,)).start()
