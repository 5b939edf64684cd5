-- renew: extends a lease.
-- ARGV: the ttl in microseconds; the owner.
-- Returns { now, 1 } if the owner holds a lease, else { now, 0 }.
local ttl, owner = tonumber(ARGV[1]), ARGV[2]

local now = server_time()
local cell = read(now)
if not cell then
  return 'corrupt'
end
local held = position_of(cell.holders, owner)
if not held then
  return { now, 0 }
end
cell.holders[held].deadline = math.max(deadline_after(now, ttl), cell.holders[held].deadline)
write(cell, now)
return { now, 1 }
