# trace: limit=96M seconds=300 kind=leak class=leak split=tune
# A thread per connection; two clients of three go away without a word (as behind a NAT that drops them), and no read has a time limit.
require "socket"
require "securerandom"
srand 4102
File.unlink("chat.sock") if File.exist?("chat.sock")
server = UNIXServer.new("chat.sock")
Thread.new do
  loop do
    Thread.new(server.accept) do |connection|
      inbox = String.new
      while (line = connection.gets)
        inbox << line
        connection.puts "ok #{inbox.bytesize}"
      end
      connection.close
    end
  end
end
gone = []
number = 0
loop do
  number += 1
  client = UNIXSocket.new("chat.sock")
  (2 + rand(12)).times do
    client.puts SecureRandom.hex(4000 + rand(8000))
    client.gets
  end
  if number % 3 == 0 then client.close else gone << client end
  sleep 0.3 + rand * 0.7
end
