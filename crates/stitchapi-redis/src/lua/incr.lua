-- incr: adds one to a counter.
-- ARGV: the ttl in milliseconds, set only where the counter has none.
-- Returns the new count.
local key, ttl = KEYS[1], ARGV[1]

local count = redis.pcall('INCR', key)
if type(count) == 'table' then
  -- `ERR`: the value is not a number, or the largest one. Others (a wrong type, no memory) are errors of the server.
  return string.sub(count.err, 1, 4) == 'ERR ' and 'corrupt' or count
end
if count < 1 then
  redis.call('DECR', key)
  return 'corrupt'
end
if redis.call('PTTL', key) == -1 then
  redis.call('PEXPIRE', key, ttl)
end
return count
