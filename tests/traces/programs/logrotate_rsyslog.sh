# trace: limit=24M seconds=300 kind=calm split=score needs=rsyslog,logrotate
# rsyslog writes an access log to a file, logrotate turns and gzips it about each forty seconds, grep makes a report.
home=$PWD
cat > rsyslog.conf <<CONF
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="23450")
global(workDirectory="$home")
*.* action(type="omfile" file="$home/access.log")
CONF
cat > rotate.conf <<CONF
$home/access.log {
    rotate 4
    compress
    missingok
    su root root
    postrotate
        kill -HUP \$(cat $home/pid)
    endscript
}
CONF
rsyslogd -n -f "$home/rsyslog.conf" -i "$home/pid" &
sleep 1
python3 -c '
import random, socket, time
random.seed(44)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for _ in range(random.randrange(60) if time.time() % 60 < 45 else 120):
        client.sendto(b"<14>Nov 11 10:10:10 web nginx: 10.0.0.%d GET /item/%d 200 %s" % (random.randrange(255), random.randrange(10**6), b"a" * random.randrange(200)), ("127.0.0.1", 23450))
    time.sleep(0.1)' &
while sleep 40; do
    sort access.log | cut -d " " -f 6 | uniq -c | sort -rn | head > report
    logrotate -f -s "$home/state" rotate.conf
done
