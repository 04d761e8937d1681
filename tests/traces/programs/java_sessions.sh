# trace: limit=192M seconds=300 kind=calm split=score needs=openjdk-17-jdk-headless
# A Java service on a small machine (SerialGC, -Xmx96m): sessions that end after 45 s, a report on a timer, its own clients by HttpClient.
cat > Sessions.java <<'JAVA'
import com.sun.net.httpserver.*;
import java.net.*;
import java.net.http.*;
import java.util.*;
import java.util.concurrent.*;
public class Sessions {
    record Session(long[] seen, List<String> pages, byte[] state) {}
    static final ConcurrentHashMap<String, Session> sessions = new ConcurrentHashMap<>();
    public static void main(String[] words) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 26458), 50);
        server.createContext("/", exchange -> {
            Session s = sessions.computeIfAbsent(exchange.getRequestURI().getQuery(), k -> new Session(new long[1], new ArrayList<>(), new byte[12000]));
            s.seen()[0] = System.nanoTime();
            synchronized (s) { s.pages().add(exchange.getRequestURI().toString()); }
            byte[] body = ("<html>" + "<p>paragraph</p>".repeat(800) + s.pages().size() + "</html>").getBytes();
            exchange.sendResponseHeaders(200, body.length); exchange.getResponseBody().write(body); exchange.close();
        });
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(2);
        timer.scheduleAtFixedRate(() -> sessions.values().removeIf(s -> System.nanoTime() - s.seen()[0] > 45_000_000_000L), 5, 5, TimeUnit.SECONDS);
        timer.scheduleAtFixedRate(() -> {
            List<String> report = new ArrayList<>();
            for (int i = 0; i < 80_000; i++) report.add("line " + i + " " + sessions.size());
            Collections.shuffle(report); Collections.sort(report);
        }, 40, 60, TimeUnit.SECONDS);
        HttpClient client = HttpClient.newHttpClient();
        Random random = new Random(54);
        for (int i = 0; ; i++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:26458/?s" + (i / 40 + random.nextInt(400)))).build();
            client.sendAsync(request, HttpResponse.BodyHandlers.discarding()).exceptionally(e -> { System.out.println(e); return null; });
            Thread.sleep(i / 2000 % 2 == 0 ? 20 : 45);
        }
    }
}
JAVA
javac -J-XX:+UseSerialGC -J-Xmx64m Sessions.java
exec java -XX:+UseSerialGC -Xmx96m Sessions
