-- settle: corrects what one limit was charged. ARGV: unit, period, delta. Answers now.
local delta = tonumber(ARGV[3])
local now = now_is()
local cell, text = read()
if text and not cell then
  return 'corrupt'
end
local state = cell and find(cell, ARGV[1], tonumber(ARGV[2]))
if not state or delta == 0 then
  return { now }
end
local line = new_line(state, cell.guard)
if delta > 0 then
  line.tat = plus(line.permits, latest(line.tat, at(now)), T(line, delta))
else
  -- Gives back, never below now.
  local given = minus(line.permits, line.tat, T(line, math.abs(delta)))
  line.tat = latest(given, earliest(line.tat, at(now)))
end
keep_tat(line, state)
cell.seq = cell.seq + 1
write(cell, to_text(cell), now)
return { now }
