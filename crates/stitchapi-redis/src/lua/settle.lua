-- settle: corrects the charge on one limit.
-- ARGV: the unit of the limit; its period; the change in units, negative to give back.
-- Returns { now }.
local unit, period, delta = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local now = server_time()
local cell, text = read()
if text and not cell then
  return 'corrupt'
end
local state = cell and find_limit(cell, unit, period)
if not state or delta == 0 then
  return { now }
end
local gcra = new_gcra(state, cell.max_lateness)
if delta > 0 then
  gcra.tat = plus(gcra.permits, latest(gcra.tat, at(now)), T(gcra, delta))
else
  -- Gives units back, never below now.
  local reduced = minus(gcra.permits, gcra.tat, T(gcra, math.abs(delta)))
  gcra.tat = latest(reduced, earliest(gcra.tat, at(now)))
end
store_tat(gcra, state)
cell.seq = cell.seq + 1
write(cell, to_text(cell), now)
return { now }
