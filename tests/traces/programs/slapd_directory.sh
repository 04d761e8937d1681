# trace: limit=96M seconds=300 kind=calm split=score needs=slapd,ldap-utils,python3-ldap3
# OpenLDAP with 12000 people: logins (search and bind), address book look-ups, changes, and a synchronisation of everything each 70 s.
mkdir db
cat > slapd.conf <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $PWD/pid
sizelimit unlimited
database mdb
maxsize 268435456
suffix dc=example
rootdn cn=admin,dc=example
rootpw admin
directory $PWD/db
index objectClass,uid,mail eq
index cn,sn eq,sub
CONF
perl -e 'print "dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n\n";
    for $n (1 .. 12000) { printf "dn: uid=u%d,dc=example\nobjectClass: inetOrgPerson\nuid: u%d\ncn: Person Number %d\nsn: Number%d\nmail: u%d\@example.org\ntelephoneNumber: +49 30 %d\nuserPassword: secret%d\ndescription: %s\n\n", $n, $n, $n, $n * 7 % 900, $n, $n, $n, "d" x ($n % 600 + 1) }' > people.ldif
slapadd -q -f slapd.conf -l people.ldif
slapd -d 0 -f slapd.conf -h ldap://127.0.0.1:28760 &
until ldapwhoami -x -H ldap://127.0.0.1:28760 > /dev/null 2>&1; do sleep 0.5; done
(while sleep 70; do ldapsearch -x -LLL -H ldap://127.0.0.1:28760 -b dc=example '(objectClass=inetOrgPerson)' > sync.ldif; done) &
/usr/bin/python3 - <<'PY'
import ldap3, random, threading, time
server = ldap3.Server("ldap://127.0.0.1:28760", get_info=ldap3.NONE)
def application(seed):
    r = random.Random(seed)
    while True:
        c = ldap3.Connection(server, "cn=admin,dc=example", "admin", auto_bind=True)
        for _ in range(r.randrange(10, 120)):
            n = r.randrange(1, 12001); at = r.random()
            if at < 0.7:
                c.search("dc=example", "(uid=u%d)" % n, attributes=["cn", "mail"])
                if at < 0.2: ldap3.Connection(server, "uid=u%d,dc=example" % n, "secret%d" % n, auto_bind=True).unbind()
            elif at < 0.9: c.search("dc=example", "(sn=Number%d*)" % r.randrange(900), attributes=["*"])
            elif at < 0.93: c.search("dc=example", "(cn=*Number %d*)" % r.randrange(1000), attributes=["*"])
            else: c.modify("uid=u%d,dc=example" % n, {"description": [(ldap3.MODIFY_REPLACE, ["x" * r.randrange(1, 900)])]})
            time.sleep(r.expovariate(1.6))
        c.unbind()
for n in range(5): threading.Thread(target=application, args=(n,)).start()
PY
