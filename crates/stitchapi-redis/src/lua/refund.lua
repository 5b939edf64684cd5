-- refund: takes bookings back, if the cell has not changed since they were made.
-- ARGV: the epoch; the seq; then for each limit its unit, its period, and the tat and remainder to restore.
-- Returns { now, 1 } if the bookings were taken back, else { now, 0 }.
local epoch, seq, FIRST_LIMIT, WORDS_PER_LIMIT = ARGV[1], tonumber(ARGV[2]), 3, 4

local now = server_time()
local cell, text = read()
if text and not cell then
  return 'corrupt'
end
if not cell or cell.epoch ~= epoch or cell.seq ~= seq then
  return { now, 0 }
end
for i = FIRST_LIMIT, #ARGV, WORDS_PER_LIMIT do
  local unit, period, tat, remainder = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local state = find_limit(cell, unit, period)
  if state then
    state.tat, state.remainder = tat, remainder
    -- A cell that was rolled back may have reached the same seq with other permits, and the remainder counts in 1/N of
    -- those.
    if state.remainder >= state.permits then
      state.tat, state.remainder = math.min(tat_rounded_up(state), MAX_SAFE_INTEGER), 0
    end
  end
end
cell.seq = cell.seq + 1
write(cell, to_text(cell), now)
return { now, 1 }
