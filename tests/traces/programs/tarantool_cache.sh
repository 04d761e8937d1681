# trace: limit=64M seconds=300 kind=calm split=tune needs=tarantool
# Tarantool with a memory of 64 MB: tuples come with a time to live and are expired by a fiber; a snapshot each 60 s.
cat > init.lua <<'LUA'
local fiber = require('fiber')
box.cfg{ memtx_memory = 64 * 1024 * 1024, memtx_min_tuple_size = 16, listen = 'unix/:./sock', checkpoint_interval = 60, checkpoint_count = 2, wal_mode = 'write', log_level = 2 }
local s = box.schema.space.create('session', { if_not_exists = true })
s:create_index('id', { parts = { 1, 'unsigned' }, if_not_exists = true })
s:create_index('expires', { parts = { 2, 'number' }, unique = false, if_not_exists = true })
math.randomseed(81)
fiber.create(function()
    while true do
        local n = 0
        for _, t in s.index.expires:pairs({ fiber.time() }, { iterator = 'LT' }) do s:delete(t[1]); n = n + 1; if n > 400 then break end end
        fiber.sleep(1)
    end
end)
local start = fiber.time()
while true do
    local busy = (fiber.time() - start) % 150 < 90 and 12 or 3
    for _ = 1, busy do
        local id = math.random(200000)
        if math.random() < 0.4 then s:get(id) else
            local ok, err = pcall(s.replace, s, { id, fiber.time() + 40 + math.random(60), string.rep('s', math.random(200, 4000)) })
            if not ok then print(err) end
        end
    end
    fiber.sleep(0.05)
end
LUA
exec tarantool init.lua
