# trace: limit=192M seconds=360 kind=calm class=warmup,steady split=score
# What users ask for is remembered; there are only so many things to ask for. First most are new, later hardly any.
random = Random.new(12)
memo = {}
loop do
  12.times do
    key = random.rand(2500)
    memo[key] ||= (0..300).map { |i| "value #{key + i}" }
    "x" * 20_000
  end
  sleep 0.2
end
