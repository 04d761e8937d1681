# trace: limit=256M seconds=300 kind=calm split=tune needs=tomcat10,openjdk-17-jre-headless
# Tomcat with JSPs and sessions that expire after a minute, -Xmx128m, the JVM's own choice of collector.
import http.client, os, random, subprocess, threading, time
random.seed(25)
here, port = os.getcwd(), 26424
for d in ("conf", "logs", "temp", "work", "webapps/ROOT/WEB-INF"): os.makedirs(d)
for f in ("web.xml", "logging.properties", "catalina.properties"): open("conf/" + f, "w").write(open("/etc/tomcat10/" + f).read())
open("conf/server.xml", "w").write(f'''<Server port="-1"><Service name="Catalina"><Connector port="{port}" address="127.0.0.1" protocol="HTTP/1.1" maxThreads="50"/>
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine></Service></Server>''')
open("webapps/ROOT/WEB-INF/web.xml", "w").write('<web-app version="5.0"><session-config><session-timeout>1</session-timeout></session-config></web-app>')
open("webapps/ROOT/index.jsp", "w").write('''<%@ page import="java.util.*" %><% 
List<String> cart = (List<String>) session.getAttribute("cart");
if (cart == null) { cart = new ArrayList<>(); session.setAttribute("cart", cart); session.setAttribute("profile", new byte[15000]); }
cart.add("item " + request.getParameter("item") + " of " + new Date()); %>
<html><% for (String s : cart) { %><li><%= s %></li><% } %></html>''')
open("webapps/ROOT/search.jsp", "w").write('''<%@ page session="false" import="java.util.*" %><% Map<String, Integer> found = new TreeMap<>();
Random random = new Random(); for (int i = 0; i < 3000; i++) found.merge("word" + random.nextInt(900), i, Integer::sum);
for (Map.Entry<String, Integer> e : found.entrySet()) { %><p><%= e.getKey() %> <%= e.getValue() %></p><% } %>''')
jar = "/usr/share/tomcat10/bin/bootstrap.jar:/usr/share/tomcat10/bin/tomcat-juli.jar"
subprocess.Popen(["java", "-Xmx128m", "-Djava.awt.headless=true", "-Djava.util.logging.config.file=conf/logging.properties",
                  "-Djava.util.logging.manager=org.apache.juli.ClassLoaderLogManager", "-classpath", jar, "-Dcatalina.base=" + here,
                  "-Dcatalina.home=/usr/share/tomcat10", "-Djava.io.tmpdir=" + here + "/temp", "org.apache.catalina.startup.Bootstrap", "start"],
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(12)
def visitor(number):
    choose = random.Random(number)
    while True:
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30); cookie = {}
            for _ in range(choose.randrange(1, 12)):
                time.sleep(choose.expovariate(2))
                path = choose.choice([f"/?item={choose.randrange(999)}", f"/?item={choose.randrange(999)}", "/search.jsp"])
                c.request("GET", path, headers=cookie); r = c.getresponse(); r.read()
                if r.getheader("Set-Cookie"): cookie = {"Cookie": r.getheader("Set-Cookie").split(";")[0]}
                if r.status != 200: print(path, r.status, flush=True)
            c.close()
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True); time.sleep(1)
for n in range(6): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
