# trace: limit=160M seconds=420 kind=leak class=leak split=score
# A memo that has no bound, beside the garbage of every request.
memo = {}
requests = 0
loop do
  30.times do
    requests += 1
    "x" * 20_000
    memo["user-#{requests}"] = (0..40).map { |i| "value #{requests + i}" }
  end
  sleep 0.2
end
