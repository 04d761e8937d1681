# trace: limit=384M seconds=900 kind=calm split=score needs=openjdk-17-jdk-headless,curl
# A Java web service (G1, -Xmx160m) with a bounded LRU cache: JSON, request garbage, traffic in waves; compiled at its start.
cat > Service.java <<'JAVA'
import com.sun.net.httpserver.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;
public class Service {
    static final Map<Integer, List<Map<String, Object>>> cache = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        protected boolean removeEldestEntry(Map.Entry<Integer, List<Map<String, Object>>> e) { return size() > 1200; }
    });
    static List<Map<String, Object>> load(int id) {
        Random random = new Random(id);
        return IntStream.range(0, 20 + random.nextInt(200)).mapToObj(i -> {
            Map<String, Object> row = new HashMap<>();
            row.put("id", i); row.put("name", "product " + id + "/" + i); row.put("price", random.nextDouble());
            return row;
        }).collect(Collectors.toList());
    }
    public static void main(String[] words) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 26426), 0);
        server.createContext("/", exchange -> {
            int id = exchange.getRequestURI().getPath().hashCode() & 0xfffff;
            StringBuilder json = new StringBuilder("[");
            for (Map<String, Object> row : cache.computeIfAbsent(id, Service::load))
                json.append(row.entrySet().stream().map(e -> "\"" + e.getKey() + "\":\"" + e.getValue() + "\"").collect(Collectors.joining(",", "{", "},")));
            byte[] body = json.append("{}]").toString().getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body); exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }
}
JAVA
javac -J-XX:+UseSerialGC -J-Xmx64m Service.java
java -XX:+UseG1GC -Xmx160m Service &
sleep 2
RANDOM=26
while true; do
    for wave in 25 60 15 40; do
        for _ in $(seq 20); do
            for i in $(seq "$wave"); do echo "url = http://127.0.0.1:26426/item/$((RANDOM % 4000))"; echo 'output = /dev/null'; done | curl --silent --config -
            sleep 1
        done
    done
done
