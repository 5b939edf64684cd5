-- write_if: a versioned value over the version that its writer has seen.
-- ARGV: the version expected or '', the new version, the new value with tag and version, milliseconds to live or ''.
local head = redis.call('GETRANGE', KEYS[1], 0, 16)
local stored = ''
if head ~= '' or redis.call('EXISTS', KEYS[1]) == 1 then
  if #head < 17 or string.sub(head, 1, 1) ~= 'v' then
    return 'corrupt'
  end
  stored = string.sub(head, 2)
end
if stored == ARGV[2] then
  return 1
end
if stored ~= ARGV[1] then
  return 0
end
if ARGV[4] == '' then
  redis.call('SET', KEYS[1], ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
return 1
