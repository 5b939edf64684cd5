-- acquire: a place, or one in the queue. ARGV: limit, ttl, owner, park. Answers now, 1 and the fence, or now, 0 and
-- the microseconds until a place may be free.
local limit, ttl, owner, park = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local now = now_is()
local cell, stored = live(now)
if not cell then
  return 'corrupt'
end

local held = find(cell.holders, owner)
if held then
  local holder = cell.holders[held]
  holder.ends = math.max(after(now, ttl), holder.ends)
  write(cell, now)
  return { now, 1, holder.fence }
end

local function other(entry)
  return entry.owner ~= owner
end
local place = find(cell.waiters, owner)
local before = place and place - 1 or #cell.waiters
if #cell.holders + before < limit then
  cell.waiters = retain(cell.waiters, other)
  cell.fence = math.max(now, cell.fence + 1)
  table.insert(cell.holders, { owner = owner, fence = cell.fence, ends = after(now, ttl) })
  write(cell, now)
  return { now, 1, cell.fence }
end

if park == 0 then
  cell.waiters = retain(cell.waiters, other)
elseif place then
  cell.waiters[place].ends = math.max(after(now, park), cell.waiters[place].ends)
else
  table.insert(cell.waiters, { owner = owner, ends = after(now, park) })
end
local free
for _, list in ipairs({ cell.holders, retain(cell.waiters, other) }) do
  for _, entry in ipairs(list) do
    free = math.min(free or entry.ends, entry.ends)
  end
end
if to_text(cell) ~= stored then
  write(cell, now)
end
return { now, 0, math.max((free or now) - now, 0) }
