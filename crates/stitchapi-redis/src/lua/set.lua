-- set: a plain value, unless the key belongs to a facet. ARGV: the value with its tag, milliseconds to live or ''.
-- The first byte is enough to tell, so a large value is never read.
local tag = redis.call('GETRANGE', KEYS[1], 0, 0)
if tag ~= 's' and (tag ~= '' or redis.call('EXISTS', KEYS[1]) == 1) then
  return 'corrupt'
end
if ARGV[2] == '' then
  redis.call('SET', KEYS[1], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
