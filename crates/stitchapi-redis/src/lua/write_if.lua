-- write_if: stores a versioned value over the version that its writer has read.
-- ARGV: the expected version, or '' for no value; the new version; the new value with tag and version; its ttl in
-- milliseconds, or '' for none.
-- Returns 1 if the stored version is the new one afterwards, else 0.
local key, expected, new, value, ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- The tag and the 16 bytes of the version: the rest of a large value is not read.
local head = redis.call('GETRANGE', key, 0, 16)
local stored = ''
if head ~= '' or redis.call('EXISTS', key) == 1 then
  if #head < 17 or string.sub(head, 1, 1) ~= 'v' then
    return 'corrupt'
  end
  stored = string.sub(head, 2)
end
if stored == new then
  return 1
end
if stored ~= expected then
  return 0
end
if ttl == '' then
  redis.call('SET', key, value)
else
  redis.call('SET', key, value, 'PX', ttl)
end
return 1
