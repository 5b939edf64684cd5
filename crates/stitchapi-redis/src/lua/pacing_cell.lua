-- Shared by the scripts of pacing: the cell of `stitchapi_core::pace`, and its exact arithmetic in doubles.
-- The names are those of the Rust code. `tests/vectors` compares both, byte for byte.

local MAX_SAFE_INTEGER = 9007199254740991 -- 2^53 - 1, the largest time and count in a cell
local BEYOND = 9007199254740992 -- 2^53, which the driver sends for any larger number
local MIN_TTL = 3600000000 -- shortest ttl of a cell after a write, in microseconds
local HOLD_ONLY_EPOCH = '0000000000000000' -- the epoch of a cell that contains only a hold

local floor = math.floor

local function server_time()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- # Times
--
-- A time or a duration is { high, low, rest }: high * 2^40 + low microseconds, and rest / permits of one more, with
-- 0 <= low < 2^40 and 0 <= rest < permits. Only `high` may be negative. The range holds the product of any cost and any
-- spacing a few hundred times over, and every intermediate result is an integer that a double holds exactly.

local TWO_20, TWO_40 = 1048576, 1099511627776
local TOP = 8192 -- the `high` of 2^53

local function at(micros)
  local high = floor(micros / TWO_40)
  return { high = high, low = micros - high * TWO_40, rest = 0 }
end

local function plus(permits, a, b)
  local high, low, rest = a.high + b.high, a.low + b.low, a.rest + b.rest
  if rest >= permits then
    rest, low = rest - permits, low + 1
  end
  if low >= TWO_40 then
    low, high = low - TWO_40, high + 1
  end
  return { high = high, low = low, rest = rest }
end

local function minus(permits, a, b)
  local high, low, rest = a.high - b.high, a.low - b.low, a.rest - b.rest
  if rest < 0 then
    rest, low = rest + permits, low - 1
  end
  if low < 0 then
    low, high = low + TWO_40, high - 1
  end
  return { high = high, low = low, rest = rest }
end

local function latest(a, b)
  if a.high ~= b.high then
    return a.high > b.high and a or b
  end
  if a.low ~= b.low then
    return a.low > b.low and a or b
  end
  return a.rest > b.rest and a or b
end

local function earliest(a, b)
  return latest(a, b) == a and b or a
end

-- Rounds up to a whole microsecond, within the range of a cell.
local function round_up(time)
  if time.high < 0 then
    return 0
  end
  if time.high >= TOP then
    return MAX_SAFE_INTEGER
  end
  return math.min(time.high * TWO_40 + time.low + (time.rest > 0 and 1 or 0), MAX_SAFE_INTEGER)
end

-- # Limits
--
-- A gcra is one limit during a transition. Its spacing (W + J) / N is `whole` microseconds and `part` / N of one more.

local function new_gcra(state, max_lateness)
  local spacing = state.period + max_lateness
  local whole = floor(spacing / state.permits)
  local tat = at(state.tat)
  tat.rest = state.remainder
  return {
    permits = state.permits,
    burst = state.burst,
    whole = whole,
    part = spacing - whole * state.permits,
    tat = tat,
  }
end

-- Returns T(units) for at most 2^32 units. Each product below has at most 53 bits.
local function T(gcra, units)
  local upper = floor(units / 65536)
  local parts = upper * gcra.part
  local carry = floor(parts / gcra.permits)
  local rest = (parts - carry * gcra.permits) * 65536 + (units - upper * 65536) * gcra.part
  local more = floor(rest / gcra.permits)

  local top = floor(gcra.whole / TWO_40)
  local middle = floor(gcra.whole / TWO_20) % TWO_20
  local bottom = units * (gcra.whole % TWO_20) + carry * 65536 + more
  middle = units * middle + floor(bottom / TWO_20)
  return {
    high = units * top + floor(middle / TWO_20),
    low = (middle % TWO_20) * TWO_20 + bottom % TWO_20,
    rest = rest - more * gcra.permits,
  }
end

-- Raises the tat to at least `units` spacings after a time.
local function raise(gcra, time, units)
  gcra.tat = latest(gcra.tat, plus(gcra.permits, at(time), T(gcra, units)))
end

-- Stores the tat of a gcra in the state of its limit. Returns true if that changes it.
local function store_tat(gcra, state)
  local tat, remainder = MAX_SAFE_INTEGER, 0
  -- The largest time has no remainder: rounded up, it would exceed the range of a cell.
  if gcra.tat.high < TOP and gcra.tat.high * TWO_40 + gcra.tat.low < MAX_SAFE_INTEGER then
    tat, remainder = gcra.tat.high * TWO_40 + gcra.tat.low, gcra.tat.rest
  end
  local changed = tat ~= state.tat or remainder ~= state.remainder
  state.tat, state.remainder = tat, remainder
  return changed
end

-- # Cells

local function tat_rounded_up(state)
  return state.tat + (state.remainder > 0 and 1 or 0)
end

local function find_limit(cell, unit, period)
  for _, state in ipairs(cell.limits) do
    if state.unit == unit and state.period == period then
      return state
    end
  end
end

local U32 = 4294967295
local HEAD = '^1 ([0-9a-f]+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)()'
local LIMIT = '^( ([%w._~%%-]+) (%d+) (%d+) (%d+) (%d+) (%d+)) (%d+) (%d+)()'

-- Parses the limit whose text begins at a position. Returns its state and the position after it; nil if there is none.
local function parse_limit(text, position)
  local settings, unit, period, permits, permits_at, burst, burst_at, tat, remainder, ends =
    string.match(text, LIMIT, position)
  if not unit then
    return nil
  end
  local state = {
    settings = settings, -- all words but the tat, as text, until a setting changes
    unit = unit,
    period = tonumber(period),
    permits = tonumber(permits),
    permits_at = tonumber(permits_at),
    burst = tonumber(burst),
    burst_at = tonumber(burst_at),
    tat = tonumber(tat),
    remainder = tonumber(remainder),
  }
  local largest = math.max(state.period, state.permits_at, state.burst_at, state.tat)
  local is_valid = largest <= MAX_SAFE_INTEGER and math.max(state.permits, state.burst) <= U32
  is_valid = is_valid and state.period > 0 and state.burst > 0 and state.remainder < state.permits
  return is_valid and state or nil, ends
end

-- Parses a text; nil if it is not a cell, or of a newer format.
local function parse(text)
  local epoch, seq, held_until, local_end, opens_at, max_lateness, max_lateness_at, window, current, previous,
    position =
    string.match(text, HEAD)
  if not epoch or #epoch ~= 16 then
    return nil
  end
  local cell = {
    epoch = epoch,
    seq = tonumber(seq),
    held_until = tonumber(held_until),
    local_end = tonumber(local_end),
    opens_at = tonumber(opens_at),
    max_lateness = tonumber(max_lateness),
    max_lateness_at = tonumber(max_lateness_at),
    window = tonumber(window), -- of the process count
    current = tonumber(current), -- processes in this window
    previous = tonumber(previous), -- processes in the window before it
    limits = {},
  }
  local largest = math.max(cell.seq, cell.held_until, cell.local_end, cell.opens_at, cell.max_lateness_at,
    cell.window)
  if largest > MAX_SAFE_INTEGER or math.max(cell.max_lateness, cell.current, cell.previous) > U32 then
    return nil
  end
  while position <= #text do
    local state, ends = parse_limit(text, position)
    if not state then
      return nil
    end
    table.insert(cell.limits, state)
    position = ends
  end
  return cell
end

local function to_text(cell)
  local text = string.format('1 %s %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', cell.epoch, cell.seq,
    cell.held_until, cell.local_end, cell.opens_at, cell.max_lateness, cell.max_lateness_at,
    cell.window, cell.current, cell.previous)
  for _, state in ipairs(cell.limits) do
    state.settings = state.settings or string.format(' %s %.0f %.0f %.0f %.0f %.0f', state.unit, state.period,
      state.permits, state.permits_at, state.burst, state.burst_at)
    text = text .. state.settings .. string.format(' %.0f %.0f', state.tat, state.remainder)
  end
  return text
end

local function new_cell(epoch, max_lateness, now)
  return {
    epoch = epoch,
    seq = 0,
    held_until = 0,
    local_end = 0,
    opens_at = 0,
    max_lateness = max_lateness,
    max_lateness_at = now,
    window = 0,
    current = 0,
    previous = 0,
    limits = {},
  }
end

-- Returns the cell in a value and its text; both nil without a value. A text without a cell is corrupt.
local function cell_in(value)
  if not value then
    return nil, nil
  end
  local text = string.sub(value, 2)
  return string.sub(value, 1, 1) == 'p' and parse(text) or nil, text
end

-- Reads the cell under the key, and its text.
local function read()
  return cell_in(redis.call('GET', KEYS[1]))
end

-- Writes the text of a cell, with a ttl until its last booking and its hold are over, and at least an hour.
local function write(cell, text, now)
  local last = math.max(cell.held_until, cell.local_end, cell.opens_at)
  for _, state in ipairs(cell.limits) do
    last = math.max(last, tat_rounded_up(state))
  end
  local ttl = math.max(last - now, MIN_TTL)
  redis.call('SET', KEYS[1], 'p' .. text, 'PX', string.format('%.0f', math.ceil(ttl / 1000)))
end

