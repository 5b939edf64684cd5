-- Shared by the scripts of leases: reads and writes the cell of `stitchapi_core::lease`, without expired entries.

local MAX_SAFE_INTEGER = 9007199254740991 -- 2^53 - 1, the largest time and fencing token in a cell
local TTL_MARGIN = 1000000 -- microseconds that a cell outlives its last holder

local function to_digits(number)
  return string.format('%.0f', number)
end

local function server_time()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function deadline_after(now, micros)
  return math.min(now + micros, MAX_SAFE_INTEGER)
end

local function is_storable(text)
  return tonumber(text) <= MAX_SAFE_INTEGER
end

-- Parses a text; nil if it is not a lease cell.
local function parse(text)
  local fence, at = string.match(text, '^1 (%d+)()')
  if not fence or not is_storable(fence) then
    return nil
  end
  local cell = { fence = tonumber(fence), holders = {}, waiters = {} }
  while true do
    local owner, token, deadline, next = string.match(text, '^ h ([0-9a-f]+) (%d+) (%d+)()', at)
    if not owner then
      break
    end
    if #owner ~= 32 or not is_storable(token) or not is_storable(deadline) then
      return nil
    end
    table.insert(cell.holders, { owner = owner, fence = tonumber(token), deadline = tonumber(deadline) })
    at = next
  end
  while true do
    local owner, deadline, next = string.match(text, '^ w ([0-9a-f]+) (%d+)()', at)
    if not owner then
      break
    end
    if #owner ~= 32 or not is_storable(deadline) then
      return nil
    end
    table.insert(cell.waiters, { owner = owner, deadline = tonumber(deadline) })
    at = next
  end
  return at > #text and cell or nil
end

local function to_text(cell)
  local words = { '1 ' .. to_digits(cell.fence) }
  for _, holder in ipairs(cell.holders) do
    table.insert(words, 'h ' .. holder.owner .. ' ' .. to_digits(holder.fence) .. ' ' .. to_digits(holder.deadline))
  end
  for _, waiter in ipairs(cell.waiters) do
    table.insert(words, 'w ' .. waiter.owner .. ' ' .. to_digits(waiter.deadline))
  end
  return table.concat(words, ' ')
end

-- Returns the entries of a list for which `predicate` is true, in order.
local function filter(list, predicate)
  local result = {}
  for _, entry in ipairs(list) do
    if predicate(entry) then
      table.insert(result, entry)
    end
  end
  return result
end

-- Returns the position of an owner in a list; nil if it is not there.
local function position_of(list, owner)
  for position, entry in ipairs(list) do
    if entry.owner == owner then
      return position
    end
  end
end

-- Reads the cell without expired holders and waiters, and the stored text; false for a value that is not a lease.
local function read(now)
  local value = redis.call('GET', KEYS[1])
  if not value then
    return { fence = 0, holders = {}, waiters = {} }, nil
  end
  local cell = string.sub(value, 1, 1) == 'l' and parse(string.sub(value, 2))
  if not cell then
    return false
  end
  local function is_live(entry)
    return entry.deadline > now
  end
  cell.holders, cell.waiters = filter(cell.holders, is_live), filter(cell.waiters, is_live)
  return cell, string.sub(value, 2)
end

-- Writes the cell with a ttl until its last deadline and TTL_MARGIN.
local function write(cell, now)
  local last = 0
  for _, list in ipairs({ cell.holders, cell.waiters }) do
    for _, entry in ipairs(list) do
      last = math.max(last, entry.deadline)
    end
  end
  local ttl = math.max(last - now, 0) + TTL_MARGIN
  redis.call('SET', KEYS[1], 'l' .. to_text(cell), 'PX', to_digits(math.ceil(ttl / 1000)))
end

