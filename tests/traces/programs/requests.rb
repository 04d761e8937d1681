# trace: limit=96M seconds=420 kind=calm class=warmup,sawtooth,steady split=tune
# Requests of all sizes: each lets go of what it took, and the heap of the runtime comes to hold the largest of them.
random = Random.new(3)
loop do
  size = (1500 / (1.0 - random.rand)**0.7).to_i.clamp(1500, 60_000)
  rows = Array.new(size) { |i| { id: i, name: "row #{i}", text: "x" * random.rand(20..200) } }
  rows.map { |row| row[:text].length }.sum
  sleep 0.1
end
