// trace: limit=192M seconds=300 kind=calm split=score args=-Xmx96m,-XX:+UseParallelGC
// An order service in a JVM: baskets come and go (they expire after some time), a catalogue is read at the start, requests make garbage.
import java.util.*;
class order_service {
    record Item(String name, int price, byte[] picture) {}
    public static void main(String[] words) throws Exception {
        Random random = new Random(5103);
        List<Item> catalogue = new ArrayList<>();
        LinkedHashMap<Long, List<Item>> baskets = new LinkedHashMap<>();
        long number = 0;
        for (long tick = 0; ; tick++) {
            if (catalogue.size() < 4000) for (int i = 0; i < 20; i++) catalogue.add(new Item("article " + catalogue.size(), random.nextInt(9000), new byte[3000]));
            int load = 4 + (int) (3 * Math.sin(tick / 200.0)) + random.nextInt(4);
            for (int i = 0; i < load; i++) {
                List<Item> basket = new ArrayList<>();
                for (int k = random.nextInt(20); k >= 0; k--) {
                    Item item = catalogue.get(random.nextInt(catalogue.size()));
                    basket.add(new Item(item.name() + " x" + k, item.price() * k, new byte[200]));
                }
                baskets.put(++number, basket);
                StringBuilder page = new StringBuilder();
                for (Item item : basket) for (int k = 0; k < 30; k++) page.append("<td>").append(item.name()).append("</td>");
                if (page.toString().isEmpty()) throw new IllegalStateException();
            }
            Iterator<Long> oldest = baskets.keySet().iterator();
            while (oldest.hasNext() && oldest.next() < number - 3000) oldest.remove();
            Thread.sleep(50);
        }
    }
}
