-- release: releases a lease, or a position in the queue.
-- ARGV: the owner.
-- Returns { now }.
local owner = ARGV[1]

local now = server_time()
local cell = read(now)
if not cell then
  return 'corrupt'
end
if position_of(cell.holders, owner) or position_of(cell.waiters, owner) then
  local function is_other(entry)
    return entry.owner ~= owner
  end
  cell.holders, cell.waiters = filter(cell.holders, is_other), filter(cell.waiters, is_other)
  write(cell, now)
end
return { now }
