# trace: limit=64M seconds=600 kind=leak class=leak split=score needs=tarantool
# Tarantool with Debian's memtx_memory (256 MB) in a smaller unit: a log of events in memory that nobody trims.
cat > init.lua <<'LUA'
local fiber = require('fiber')
box.cfg{ memtx_memory = 256 * 1024 * 1024, listen = 'unix/:./sock', checkpoint_interval = 0, wal_mode = 'write', log_level = 2 }
local s = box.schema.space.create('event', { if_not_exists = true })
s:create_index('id', { sequence = true, if_not_exists = true })
s:create_index('user', { parts = { 2, 'unsigned' }, unique = false, if_not_exists = true })
math.randomseed(82)
while true do
    for _ = 1, math.random(0, 14) do s:insert{ box.NULL, math.random(5000), string.rep('e', math.random(100, 6000)) } end
    s.index.user:count(math.random(5000))
    fiber.sleep(0.08)
end
LUA
exec tarantool init.lua
