-- The rest of reserve: any cell, with any numbers.

local STRICT_FOR = 60000000 -- how long a stricter setting holds after somebody brought it last
local ROLL_WINDOW = 10000000 -- how long processes are counted together
local STAMP_GRAIN = 1000000 -- how old its stamp may grow before it is renewed

local word = string.gmatch(request, '%S+')
local function count()
  return tonumber((word()))
end

local pace = {
  guard = count(),
  horizon = count(),
  not_before = count(),
  lead = count(),
  expires = count(),
  max_hold = count(),
  epoch_if_new = word(),
  fresh_start = count(),
  stay = count(),
  pause = count(),
  since = count(),
  limits = {},
}
local seen = { epoch = word(), seq = count(), kept_until = count(), counted = word() }
for i = 1, count() do
  pace.limits[i] = { unit = word(), period = count(), permits = count(), burst = count(), seen = count() }
end

-- Somebody brings a setting: the strictest that was brought within STRICT_FOR, and its stamp.
local function bring_setting(value, stamp, brought, now, stricter)
  if brought == value and stamp <= now and now - stamp < STAMP_GRAIN then
    return value, stamp -- as nearly always
  end
  stamp = math.min(stamp, now)
  local strict = now - stamp > STRICT_FOR and brought or stricter(value, brought)
  local renew = strict == brought and (strict ~= value or now - stamp >= STAMP_GRAIN)
  return strict, renew and now or stamp
end

-- T(b) in whole microseconds: how far the tat is ahead when the whole burst is spent.
local function credit_of(state, guard)
  local line = new_line(state, guard)
  return T(line, line.burst)
end

-- A limit has changed that had so much credit when it was full. What of it was spent stays spent: a unit that takes longer
-- now would be given again. The remainder counts in another unit now: rounded up, to the strict side.
local function keep_credit(state, credit, guard, now)
  local had = credit.high >= TOP and LARGEST or credit.high * TWO_40 + credit.low
  local tat, more = tat_rounded_up(state), math.max(round_up(credit_of(state, guard)) - had, 0)
  state.tat, state.remainder = math.min(tat + (tat > now and more or 0), LARGEST), 0
end

-- Brings one limit of the caller into the cell, whose guard was `guard`; says whether that changes what holds.
local function bring(cell, limit, guard, now)
  local state = find(cell, limit.unit, limit.period)
  if not state then
    table.insert(cell.limits, {
      unit = limit.unit,
      period = limit.period,
      permits = limit.permits,
      permits_at = now,
      burst = limit.burst,
      burst_at = now,
      tat = 0,
      remainder = 0,
    })
    return true
  end
  local permits, permits_at, burst, burst_at = state.permits, state.permits_at, state.burst, state.burst_at
  local credit = credit_of(state, guard)
  state.permits, state.permits_at = bring_setting(permits, permits_at, limit.permits, now, math.min)
  state.burst, state.burst_at = bring_setting(burst, burst_at, limit.burst, now, math.min)
  local moved = state.permits ~= permits or state.burst ~= burst
  if moved or state.permits_at ~= permits_at or state.burst_at ~= burst_at then
    state.settings = nil
  end
  if moved or cell.guard ~= guard then
    keep_credit(state, credit, cell.guard, now)
  end
  return moved
end

-- Drops the limits that nobody brings, nobody brought lately and nothing is booked on.
local function forget(cell, now)
  local kept = {}
  for _, state in ipairs(cell.limits) do
    local lives = now - state.permits_at <= STRICT_FOR or now - state.burst_at <= STRICT_FOR
    for _, limit in ipairs(pace.limits) do
      lives = lives or limit.unit == state.unit and limit.period == state.period
    end
    if lives or tat_rounded_up(state) > now then
      table.insert(kept, state)
    end
  end
  cell.limits = kept
end

-- State was lost: what the caller remembers holds, and no credit at all.
local function restore(cell, now)
  for _, state in ipairs(cell.limits) do
    local line = new_line(state, cell.guard)
    for _, limit in ipairs(pace.limits) do
      if limit.unit == state.unit and limit.period == state.period then
        raise(line, limit.seen, 0)
        break
      end
    end
    raise(line, math.max(now, cell.fresh_until), state.burst)
    keep_tat(line, state)
  end
end

-- A hold leaves no burst behind it: the shortest limit has spent its credit when the hold ends.
local function take_burst_credit(cell, ends)
  local shortest, moved = math.huge, false
  for _, state in ipairs(cell.limits) do
    shortest = math.min(shortest, state.period)
  end
  for _, state in ipairs(cell.limits) do
    if state.period == shortest then
      local line = new_line(state, cell.guard)
      raise(line, ends, state.burst - 1)
      moved = keep_tat(line, state) or moved
    end
  end
  return moved
end

-- Counts the caller in the window of now, unless it was counted in it before, in this very cell, or is not to be.
local function ask(cell, is_same, now)
  local window = floor(now / ROLL_WINDOW)
  if cell.window ~= window then
    cell.last = cell.window == window - 1 and cell.count or 0
    cell.window, cell.count = window, 0
  end
  local is_counted = is_same and tonumber(seen.counted) == window
  if not is_counted and seen.counted ~= '*' then
    cell.count = math.min(cell.count + 1, U32)
  end
end

-- The cell as this request may use it: created, or mended if it is older than what the caller remembers, with the
-- caller's limits brought in, the hold applied and the caller counted.
local function repair(stored, now)
  local known = stored and stored.epoch ~= NOT_BORN and stored or nil
  local older = false
  if seen.epoch ~= '-' then
    if known then
      older = known.epoch == seen.epoch and known.seq < seen.seq
    else
      older = seen.kept_until > now
    end
  end

  local cell, moved = known, false
  if not cell then
    cell = empty(pace.epoch_if_new, pace.guard, now)
    cell.held_until = stored and stored.held_until or 0
    cell.fresh_until = math.min(now + pace.fresh_start, LARGEST)
  end

  local in_force = cell.guard
  cell.guard, cell.guard_at = bring_setting(cell.guard, cell.guard_at, pace.guard, now, math.max)
  moved = cell.guard ~= in_force
  for _, limit in ipairs(pace.limits) do
    moved = bring(cell, limit, in_force, now) or moved
  end
  forget(cell, now)

  if older then
    restore(cell, now)
  end

  local longest = math.min(now + pace.max_hold, LARGEST)
  if cell.held_until > longest then
    cell.held_until, moved = longest, true
  end
  if cell.held_until > 0 then
    moved = take_burst_credit(cell, cell.held_until) or moved
  end

  local is_same = known and known.epoch == seen.epoch and not older
  if older then
    cell.window, cell.count, cell.last = 0, 0, 0
  end
  ask(cell, is_same, now)

  if older then
    cell.epoch, cell.seq = pace.epoch_if_new, math.max(cell.seq, seen.seq) + 1
  elseif moved and known then
    cell.seq = cell.seq + 1
  end
  return cell
end

-- What calls of one cost draw on the lines: the cost, the part of it that the burst does not cover or the part of the
-- burst that it leaves, and the limit's answers for the call that is next.
local function draws_of(lines)
  local draws = {}
  for _, line in ipairs(lines) do
    local cost = count()
    if cost > 0 then
      local draw = { line = line, cost = T(line, cost) }
      if cost > line.burst then
        draw.excess = T(line, cost - line.burst)
      elseif cost < line.burst then
        draw.credit = T(line, line.burst - cost)
      end
      table.insert(draws, draw)
    end
  end
  return draws
end

-- When the next call may start by one limit; `free` is that exactly.
local function start_of(draw, e_min)
  local line = draw.line
  local free = latest(line.tat, e_min)
  if draw.excess then
    free = plus(line.permits, free, draw.excess)
  elseif draw.credit then
    free = minus(line.permits, free, draw.credit)
  end
  draw.free, draw.start = free, round_up(free)
  return draw.start
end

-- Moves the tat up to the start and past it: where this limit set the start, from the exact time that was rounded up.
local function book(draw, start)
  local line = draw.line
  local from = draw.start == start and draw.free or at(start)
  if draw.excess then
    from = minus(line.permits, from, draw.excess)
  end
  line.tat = plus(line.permits, latest(line.tat, from), draw.cost)
end

-- Books every call that may start at `last` or before, in order; how many those are.
local function book_until(last, lines, e_min)
  local granted, start, earliest_start = 0, e_min, at(e_min)
  for calls in count do
    local draws = draws_of(lines)
    for _ = 1, calls do
      for i = 1, #draws do
        start = math.max(start, start_of(draws[i], earliest_start))
      end
      if start > last then
        return granted
      end
      for i = 1, #draws do
        book(draws[i], start)
      end
      granted = granted + 1
    end
  end
  return granted
end

-- What becomes of the request of one who comes back from an outage: it waits with all others, or it is the first.
local function comes_back(stored)
  if not pace.stay then
    return false, false
  end
  if not stored or stored.epoch == NOT_BORN then
    local waits = stored and stored.local_end > now
    return waits, not waits
  end
  local was_gathered = stored.local_end > pace.since + pace.stay
  local is_unmoved = stored.epoch == seen.epoch and stored.seq <= seen.seq
  local waits = stored.local_end > now
  return waits, not waits and is_unmoved and not was_gathered
end

-- Everybody who comes back stays alone for a while, and then everybody pauses. While all were alone they used the budget:
-- the shortest limit has spent its burst, the others what the caller says, and a cell that was lost everything.
local function gather(cell, was_lost)
  cell.local_end = math.min(now + pace.stay, LARGEST)
  cell.fresh_until = math.max(math.min(cell.local_end + pace.pause, LARGEST), cell.fresh_until)
  cell.seq = cell.seq + 1
  take_burst_credit(cell, cell.fresh_until)
  for _, limit in ipairs(pace.limits) do
    local state = find(cell, limit.unit, limit.period)
    local line = new_line(state, cell.guard)
    raise(line, limit.seen, 0)
    if was_lost then
      raise(line, cell.fresh_until, state.burst)
    end
    keep_tat(line, state)
  end
end

local stored, stored_text = cell_in(value)
if stored_text and not stored then
  return 'corrupt'
end
local is_expired = now > pace.expires
local waits, is_first = comes_back(stored)
local epoch = stored and stored.epoch
local cell = repair(stored, now)
if is_first and not is_expired then
  gather(cell, epoch ~= cell.epoch)
end
local e_min = math.max(math.min(now + pace.lead, BEYOND), cell.held_until, cell.fresh_until, pace.not_before)
local repaired = to_text(cell)
if is_expired or waits then
  -- Nothing is written, so a repair must not be told either: its epoch would be one that the store never had.
  return { now, e_min, -1, value or 'p' .. repaired }
end

local lines = {}
for i, limit in ipairs(pace.limits) do
  lines[i] = new_line(find(cell, limit.unit, limit.period), cell.guard)
end
local granted = is_first and 0 or book_until(e_min + pace.horizon, lines, e_min)
local text = repaired
if granted > 0 then
  for i, limit in ipairs(pace.limits) do
    keep_tat(lines[i], find(cell, limit.unit, limit.period))
  end
  cell.seq = cell.seq + 1
  text = to_text(cell)
end
if text ~= stored_text then
  write(cell, text, now)
end
return { now, e_min, granted, 'p' .. repaired }
