-- refund: gives bookings back, if nothing has changed in the cell since. ARGV: epoch, seq; for each limit unit, period,
-- and the tat and remainder that it goes back to. Answers now, and 1 if it did.
local now = now_is()
local cell, text = read()
if text and not cell then
  return 'corrupt'
end
if not cell or cell.epoch ~= ARGV[1] or cell.seq ~= tonumber(ARGV[2]) then
  return { now, 0 }
end
for i = 3, #ARGV, 4 do
  local state = find(cell, ARGV[i], tonumber(ARGV[i + 1]))
  if state then
    state.tat, state.remainder = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
    -- A cell that went back may have come to the same seq with other permits; the remainder counts in those.
    if state.remainder >= state.permits then
      state.tat, state.remainder = math.min(tat_rounded_up(state), LARGEST), 0
    end
  end
end
cell.seq = cell.seq + 1
write(cell, to_text(cell), now)
return { now, 1 }
