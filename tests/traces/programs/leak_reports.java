// trace: limit=160M seconds=300 kind=leak class=leak split=tune args=-Xms16m,-Xmx1g,-XX:+UseSerialGC
// A report service: each 10 to 20 s a burst of work with much garbage; of each report the rows stay in a static archive, so the floor of the sawtooth rises.
import java.util.*;
class leak_reports {
    record Row(int id, String customer, double[] months) {}
    static final Map<String, List<Row>> ARCHIVE = new HashMap<>();
    static List<Row> build(Random random, int report) throws Exception {
        List<Row> rows = new ArrayList<>();
        int count = 18_000 + random.nextInt(12_000);
        for (int i = 0; i < count; i++) {
            StringBuilder text = new StringBuilder();
            for (int k = 0; k < 12; k++) text.append("part ").append(random.nextInt(1000)).append(';');
            rows.add(new Row(i, text.substring(0, 40), new double[30]));
            if (i % 500 == 0) Thread.sleep(40);
        }
        return rows;
    }
    public static void main(String[] words) throws Exception {
        Random random = new Random(4110);
        for (int report = 0; ; report++) {
            ARCHIVE.put("report-" + report, build(random, report));
            long until = System.currentTimeMillis() + 9_000 + random.nextInt(9_000);
            while (System.currentTimeMillis() < until) { byte[] request = new byte[30_000]; request[0] = 1; Thread.sleep(50); }
        }
    }
}
