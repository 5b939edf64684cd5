-- incr: counts one. ARGV: milliseconds to live, set only where there is no end yet.
local count = redis.pcall('INCR', KEYS[1])
if type(count) == 'table' then
  -- Not a number, or the last one there is; anything else (a wrong type, no memory) is the server's own error.
  return string.sub(count.err, 1, 4) == 'ERR ' and 'corrupt' or count
end
if count < 1 then
  redis.call('DECR', KEYS[1])
  return 'corrupt'
end
if redis.call('PTTL', KEYS[1]) == -1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return count
