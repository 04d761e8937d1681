# trace: limit=24M seconds=300 kind=calm split=tune needs=snmpd,snmp
# snmpd, walked by a monitoring server each ten seconds and asked for single values between.
import os, random, subprocess, time
random.seed(93)
home = os.getcwd()
open("snmpd.conf", "w").write(f"agentAddress udp:127.0.0.1:23350\nrocommunity public 127.0.0.1\nproc cron\ndisk / 10%\nload 12 10 5\nextend date /bin/date\n")
subprocess.Popen(["snmpd", "-f", "-Lf", home + "/log", "-C", "-c", home + "/snmpd.conf", "-p", home + "/pid"], env=dict(os.environ, SNMP_PERSISTENT_DIR=home))
time.sleep(1)
client = dict(stdout=subprocess.DEVNULL, env=dict(os.environ, SNMP_PERSISTENT_DIR=home, MIBS=""))
while True:
    subprocess.run(["snmpbulkwalk", "-v2c", "-cpublic", "127.0.0.1:23350", ".1.3.6.1." + random.choice(("2.1", "2.1.25", "4.1.2021", "2.1.31"))], **client)
    for _ in range(5):
        subprocess.run(["snmpget", "-v2c", "-cpublic", "127.0.0.1:23350", ".1.3.6.1.2.1.1.3.0", ".1.3.6.1.4.1.2021.4.6.0"], **client)
        time.sleep(2)
