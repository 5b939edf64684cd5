-- hold: nobody starts before a time. ARGV: until, the longest from now. Answers now.
local now = now_is()
local cell, text = read()
if text and not cell then
  return 'corrupt'
end
cell = cell or empty(NOT_BORN, 0, now)
local held_until = math.min(tonumber(ARGV[1]), now + tonumber(ARGV[2]), LARGEST)
if held_until > cell.held_until then
  cell.held_until = held_until
  cell.seq = cell.seq + 1
  write(cell, to_text(cell), now)
end
return { now }
