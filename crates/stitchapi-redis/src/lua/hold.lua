-- hold: lets no call start before a time.
-- ARGV: the time; the longest hold from now. Both in microseconds.
-- Returns { now }.
local until_time, cap = tonumber(ARGV[1]), tonumber(ARGV[2])

local now = server_time()
local cell, text = read()
if text and not cell then
  return 'corrupt'
end
cell = cell or new_cell(HOLD_ONLY_EPOCH, 0, now)
local held_until = math.min(until_time, now + cap, MAX_SAFE_INTEGER)
if held_until > cell.held_until then
  cell.held_until = held_until
  cell.seq = cell.seq + 1
  write(cell, to_text(cell), now)
end
return { now }
