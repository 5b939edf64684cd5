-- renew: the place for longer. ARGV: ttl, owner. Answers now, and 1 if the owner holds one.
local ttl, owner = tonumber(ARGV[1]), ARGV[2]
local now = now_is()
local cell = live(now)
if not cell then
  return 'corrupt'
end
local held = find(cell.holders, owner)
if not held then
  return { now, 0 }
end
cell.holders[held].ends = math.max(after(now, ttl), cell.holders[held].ends)
write(cell, now)
return { now, 1 }
