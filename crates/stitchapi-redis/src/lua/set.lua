-- set: stores a plain value, unless the key holds a value of another kind.
-- ARGV: the value with its tag; its ttl in milliseconds, or '' for none.
-- Returns 1.
local key, value, ttl = KEYS[1], ARGV[1], ARGV[2]

-- The first byte of the stored value is the tag, so a large value is not read.
local tag = redis.call('GETRANGE', key, 0, 0)
if tag ~= 's' and (tag ~= '' or redis.call('EXISTS', key) == 1) then
  return 'corrupt'
end
if ttl == '' then
  redis.call('SET', key, value)
else
  redis.call('SET', key, value, 'PX', ttl)
end
return 1
