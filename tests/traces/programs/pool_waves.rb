# trace: limit=48M seconds=300 kind=calm split=score
# A pool of connections to a back end under load that goes up and down as by day and night: more connections when all are in use, and idle ones are closed after 8 s.
require "socket"
require "json"
srand 5105
class Connection
  attr_accessor :used
  def initialize
    @near, @far = UNIXSocket.pair
    @results = "r" * (150_000 + rand(300_000))
    @used = Time.now
    @server = Thread.new { while (line = @far.gets) do @far.puts JSON.generate(q: line.chomp, rows: (1..30).map { |i| { id: i, name: "row #{i}" } }) end }
  end
  def ask(text)
    @near.puts text
    @used = Time.now
    JSON.parse(@near.gets)
  end
  def close
    @near.close
    @server.join
    @far.close
  end
end
free, busy, start = [], [], Time.now
loop do
  now = Time.now
  wanted = (22 + 18 * Math.sin((now - start) / 16.0) + rand(5)).to_i
  busy.reject! { |c, till| free.push(c) if till < now }
  while busy.size < wanted && free.size + busy.size <= 45
    connection = free.pop || Connection.new
    connection.ask("select #{rand(1000)}")
    busy << [connection, now + 0.3 + rand * 2]
  end
  free.select { |c| now - c.used > 8 }.each { |c| free.delete(c); c.close }
  sleep 0.15
end
