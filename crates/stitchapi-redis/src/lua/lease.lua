-- What the scripts of a lease share: the cell of `stitchapi_core::lease`, read, written and without its dead.

local LARGEST = 9007199254740991 -- 2^53 - 1, the largest time and fence
local LONGEVITY = 1000000 -- a cell outlives its last holder by this, in microseconds

local function digits(number)
  return string.format('%.0f', number)
end

local function now_is()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function after(now, micros)
  return math.min(now + micros, LARGEST)
end

local function holds(text)
  return tonumber(text) <= LARGEST
end

-- The cell in a text; nil if it is none.
local function parse(text)
  local fence, at = string.match(text, '^1 (%d+)()')
  if not fence or not holds(fence) then
    return nil
  end
  local cell = { fence = tonumber(fence), holders = {}, waiters = {} }
  while true do
    local owner, given, ends, next = string.match(text, '^ h ([0-9a-f]+) (%d+) (%d+)()', at)
    if not owner then
      break
    end
    if #owner ~= 32 or not holds(given) or not holds(ends) then
      return nil
    end
    table.insert(cell.holders, { owner = owner, fence = tonumber(given), ends = tonumber(ends) })
    at = next
  end
  while true do
    local owner, ends, next = string.match(text, '^ w ([0-9a-f]+) (%d+)()', at)
    if not owner then
      break
    end
    if #owner ~= 32 or not holds(ends) then
      return nil
    end
    table.insert(cell.waiters, { owner = owner, ends = tonumber(ends) })
    at = next
  end
  return at > #text and cell or nil
end

local function to_text(cell)
  local words = { '1 ' .. digits(cell.fence) }
  for _, holder in ipairs(cell.holders) do
    table.insert(words, 'h ' .. holder.owner .. ' ' .. digits(holder.fence) .. ' ' .. digits(holder.ends))
  end
  for _, waiter in ipairs(cell.waiters) do
    table.insert(words, 'w ' .. waiter.owner .. ' ' .. digits(waiter.ends))
  end
  return table.concat(words, ' ')
end

-- Those of a list that `keep` says yes to, in their order.
local function retain(list, keep)
  local kept = {}
  for _, entry in ipairs(list) do
    if keep(entry) then
      table.insert(kept, entry)
    end
  end
  return kept
end

-- Where an owner stands in a list; nil if it does not.
local function find(list, owner)
  for place, entry in ipairs(list) do
    if entry.owner == owner then
      return place
    end
  end
end

-- The cell without those whose time is over, and the text it was read from; false for a value that is no lease.
local function live(now)
  local value = redis.call('GET', KEYS[1])
  if not value then
    return { fence = 0, holders = {}, waiters = {} }, nil
  end
  local cell = string.sub(value, 1, 1) == 'l' and parse(string.sub(value, 2))
  if not cell then
    return false
  end
  local function lives(entry)
    return entry.ends > now
  end
  cell.holders, cell.waiters = retain(cell.holders, lives), retain(cell.waiters, lives)
  return cell, string.sub(value, 2)
end

local function write(cell, now)
  local last = 0
  for _, list in ipairs({ cell.holders, cell.waiters }) do
    for _, entry in ipairs(list) do
      last = math.max(last, entry.ends)
    end
  end
  local ttl = math.max(last - now, 0) + LONGEVITY
  redis.call('SET', KEYS[1], 'l' .. to_text(cell), 'PX', digits(math.ceil(ttl / 1000)))
end

