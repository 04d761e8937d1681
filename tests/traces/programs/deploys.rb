# trace: limit=160M seconds=480 kind=calm class=warmup,steady split=tune lives=4
# Deployed again and again: what is loaded on first use makes each life grow for a while.
require "json"
modules = {}
start = Time.now
while Time.now - start < 110
  name = (rand**2 * 500).to_i
  modules[name] ||= (0..900).map { |i| "line #{name + i}" }
  JSON.parse(JSON.generate(modules[name].first(100)))
  sleep 0.05
end
