-- acquire: acquires a lease, or a position in the queue.
-- ARGV: the limit; the ttl in microseconds; the owner; the ttl of the position in the queue, in microseconds.
-- Returns { now, 1, fencing token }, or { now, 0, microseconds until a lease may be free }.
local limit, ttl, owner, queue_ttl = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

local now = server_time()
local cell, stored = read(now)
if not cell then
  return 'corrupt'
end

local held = position_of(cell.holders, owner)
if held then
  local holder = cell.holders[held]
  holder.deadline = math.max(deadline_after(now, ttl), holder.deadline)
  write(cell, now)
  return { now, 1, holder.fence }
end

local function is_other(entry)
  return entry.owner ~= owner
end
local position = position_of(cell.waiters, owner)
local waiters_before = position and position - 1 or #cell.waiters
if #cell.holders + waiters_before < limit then
  cell.waiters = filter(cell.waiters, is_other)
  cell.fence = math.max(now, cell.fence + 1)
  table.insert(cell.holders, { owner = owner, fence = cell.fence, deadline = deadline_after(now, ttl) })
  write(cell, now)
  return { now, 1, cell.fence }
end

if queue_ttl == 0 then
  cell.waiters = filter(cell.waiters, is_other)
elseif position then
  cell.waiters[position].deadline = math.max(deadline_after(now, queue_ttl), cell.waiters[position].deadline)
else
  table.insert(cell.waiters, { owner = owner, deadline = deadline_after(now, queue_ttl) })
end
local next_free
for _, list in ipairs({ cell.holders, filter(cell.waiters, is_other) }) do
  for _, entry in ipairs(list) do
    next_free = math.min(next_free or entry.deadline, entry.deadline)
  end
end
if to_text(cell) ~= stored then
  write(cell, now)
end
return { now, 0, math.max((next_free or now) - now, 0) }
