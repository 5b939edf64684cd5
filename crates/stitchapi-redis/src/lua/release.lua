-- release: the place back, in the queue too. ARGV: owner. Answers now.
local owner = ARGV[1]
local now = now_is()
local cell = live(now)
if not cell then
  return 'corrupt'
end
if find(cell.holders, owner) or find(cell.waiters, owner) then
  local function other(entry)
    return entry.owner ~= owner
  end
  cell.holders, cell.waiters = retain(cell.holders, other), retain(cell.waiters, other)
  write(cell, now)
end
return { now }
