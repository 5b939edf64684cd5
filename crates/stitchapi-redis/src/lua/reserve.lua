-- Follows `reserve_fast_path.lua` and `pacing_cell.lua`: any request, on any cell, with any numbers. The functions are those
-- of `repair.rs`, `rejoin.rs` and `transition.rs` in `stitchapi_core::pace`.

local IN_FORCE_FOR = 60000000 -- time for which a stricter setting stays in force after it was declared last
local COUNT_WINDOW = 10000000 -- length of a window of the process count
local STAMP_RESOLUTION = 1000000 -- minimum age of a time stamp before it is renewed

local next_word = string.gmatch(request, '%S+')
local function next_number()
  return tonumber((next_word()))
end

local asked = {
  max_lateness = next_number(),
  horizon = next_number(),
  not_before = next_number(),
  lead = next_number(),
  expires = next_number(),
  max_hold = next_number(),
  epoch_if_new = next_word(),
  initial_delay = next_number(),
  alone_for = next_number(),
  pause = next_number(),
  since = next_number(),
  limits = {},
}
local snapshot = { epoch = next_word(), seq = next_number(), kept_until = next_number() }
local counted = next_word()
for i = 1, next_number() do
  asked.limits[i] = {
    unit = next_word(),
    period = next_number(),
    permits = next_number(),
    burst = next_number(),
    known_tat = next_number(), -- of the snapshot
  }
end

-- Declares a setting: returns the strictest value declared within IN_FORCE_FOR, and its time stamp.
local function declare_setting(value, stamp, declared, now, stricter)
  if declared == value and stamp <= now and now - stamp < STAMP_RESOLUTION then
    return value, stamp -- the usual case
  end
  stamp = math.min(stamp, now)
  local strictest = now - stamp > IN_FORCE_FOR and declared or stricter(value, declared)
  local renew = strictest == declared and (strictest ~= value or now - stamp >= STAMP_RESOLUTION)
  return strictest, renew and now or stamp
end

-- Returns T(b): the time by which the tat is ahead of now when the whole burst is spent.
local function full_credit_of(state, max_lateness)
  local gcra = new_gcra(state, max_lateness)
  return T(gcra, gcra.burst)
end

-- Keeps what was spent of the burst spent, after a change of a limit whose full credit was `full_credit` before. If a unit
-- takes longer now, the tat moves by the difference. It is rounded up: its remainder counts in 1/N of the old permits.
local function keep_spent_credit(state, full_credit, max_lateness, now)
  local before = full_credit.high >= TOP and MAX_SAFE_INTEGER or full_credit.high * TWO_40 + full_credit.low
  local tat, grown_by = tat_rounded_up(state), math.max(round_up(full_credit_of(state, max_lateness)) - before, 0)
  state.tat, state.remainder = math.min(tat + (tat > now and grown_by or 0), MAX_SAFE_INTEGER), 0
end

-- Declares one limit in the cell, whose maximum lateness was `max_lateness_before`. Returns true if a value in force
-- changed.
local function declare_limit(cell, limit, max_lateness_before, now)
  local state = find_limit(cell, limit.unit, limit.period)
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
  local full_credit = full_credit_of(state, max_lateness_before)
  state.permits, state.permits_at = declare_setting(permits, permits_at, limit.permits, now, math.min)
  state.burst, state.burst_at = declare_setting(burst, burst_at, limit.burst, now, math.min)
  local changed = state.permits ~= permits or state.burst ~= burst
  if changed or state.permits_at ~= permits_at or state.burst_at ~= burst_at then
    state.settings = nil
  end
  if changed or cell.max_lateness ~= max_lateness_before then
    keep_spent_credit(state, full_credit, cell.max_lateness, now)
  end
  return changed
end

-- Removes limits that are no longer declared and have no bookings.
local function remove_unused_limits(cell, now)
  local kept = {}
  for _, state in ipairs(cell.limits) do
    local is_used = now - state.permits_at <= IN_FORCE_FOR or now - state.burst_at <= IN_FORCE_FOR
    for _, limit in ipairs(asked.limits) do
      is_used = is_used or limit.unit == state.unit and limit.period == state.period
    end
    if is_used or tat_rounded_up(state) > now then
      table.insert(kept, state)
    end
  end
  cell.limits = kept
end

-- Restores a cell whose state was lost: each tat is at least the one of the snapshot, and no limit has credit.
local function restore(cell, now)
  for _, state in ipairs(cell.limits) do
    local gcra = new_gcra(state, cell.max_lateness)
    for _, limit in ipairs(asked.limits) do
      if limit.unit == state.unit and limit.period == state.period then
        raise(gcra, limit.known_tat, 0)
        break
      end
    end
    raise(gcra, math.max(now, cell.opens_at), state.burst)
    store_tat(gcra, state)
  end
end

-- Spends the burst of the limits with the shortest period at a time. Returns true if that changed a tat.
local function spend_shortest_burst(cell, spent_at)
  local shortest, changed = math.huge, false
  for _, state in ipairs(cell.limits) do
    shortest = math.min(shortest, state.period)
  end
  for _, state in ipairs(cell.limits) do
    if state.period == shortest then
      local gcra = new_gcra(state, cell.max_lateness)
      raise(gcra, spent_at, state.burst - 1)
      changed = store_tat(gcra, state) or changed
    end
  end
  return changed
end

-- Counts the process in the window of now, unless it was counted in that window, in this cell, or is not to be counted.
local function count_process(cell, is_same_epoch, now)
  local window = floor(now / COUNT_WINDOW)
  if cell.window ~= window then
    cell.previous = cell.window == window - 1 and cell.current or 0
    cell.window, cell.current = window, 0
  end
  local is_counted = is_same_epoch and tonumber(counted) == window
  if not is_counted and counted ~= '*' then
    cell.current = math.min(cell.current + 1, U32)
  end
end

-- Returns the cell that the request may book in: created where there is none, restored where state was lost, with the
-- limits of the request declared, the hold applied and the process counted.
local function repair(stored, now)
  local booked_in = stored and stored.epoch ~= HOLD_ONLY_EPOCH and stored or nil
  local is_lost = false
  if snapshot.epoch ~= '-' then
    if booked_in then
      is_lost = booked_in.epoch == snapshot.epoch and booked_in.seq < snapshot.seq
    else
      is_lost = snapshot.kept_until > now
    end
  end

  local cell, changed = booked_in, false
  if not cell then
    cell = new_cell(asked.epoch_if_new, asked.max_lateness, now)
    cell.held_until = stored and stored.held_until or 0
    cell.opens_at = math.min(now + asked.initial_delay, MAX_SAFE_INTEGER)
  end

  local max_lateness_before = cell.max_lateness
  cell.max_lateness, cell.max_lateness_at =
    declare_setting(cell.max_lateness, cell.max_lateness_at, asked.max_lateness, now, math.max)
  changed = cell.max_lateness ~= max_lateness_before
  for _, limit in ipairs(asked.limits) do
    changed = declare_limit(cell, limit, max_lateness_before, now) or changed
  end
  remove_unused_limits(cell, now)

  if is_lost then
    restore(cell, now)
  end

  local latest_end = math.min(now + asked.max_hold, MAX_SAFE_INTEGER)
  if cell.held_until > latest_end then
    cell.held_until, changed = latest_end, true
  end
  if cell.held_until > 0 then
    changed = spend_shortest_burst(cell, cell.held_until) or changed
  end

  local is_same_epoch = booked_in and booked_in.epoch == snapshot.epoch and not is_lost
  if is_lost then
    cell.window, cell.current, cell.previous = 0, 0, 0
  end
  count_process(cell, is_same_epoch, now)

  if is_lost then
    cell.epoch, cell.seq = asked.epoch_if_new, math.max(cell.seq, snapshot.seq) + 1
  elseif changed and booked_in then
    cell.seq = cell.seq + 1
  end
  return cell
end

-- Reads the costs of a run of equal calls: for each limit that they draw on T(cost), and either the excess of the cost over
-- the burst or the rest of the burst.
local function read_draws(gcras)
  local draws = {}
  for _, gcra in ipairs(gcras) do
    local cost = next_number()
    if cost > 0 then
      local draw = { gcra = gcra, cost = T(gcra, cost) }
      if cost > gcra.burst then
        draw.excess = T(gcra, cost - gcra.burst)
      elseif cost < gcra.burst then
        draw.credit = T(gcra, gcra.burst - cost)
      end
      table.insert(draws, draw)
    end
  end
  return draws
end

-- Returns the start of the next call by one limit, and keeps the exact time as `ready`.
local function start_of(draw, e_min)
  local gcra = draw.gcra
  local ready = latest(gcra.tat, e_min)
  if draw.excess then
    ready = plus(gcra.permits, ready, draw.excess)
  elseif draw.credit then
    ready = minus(gcra.permits, ready, draw.credit)
  end
  draw.ready, draw.start = ready, round_up(ready)
  return draw.start
end

-- Moves the tat up to a start, and past it by the cost; from the exact time where this limit set the start.
local function book(draw, start)
  local gcra = draw.gcra
  local from = draw.start == start and draw.ready or at(start)
  if draw.excess then
    from = minus(gcra.permits, from, draw.excess)
  end
  gcra.tat = plus(gcra.permits, latest(gcra.tat, from), draw.cost)
end

-- Books each call that may start at `last` or earlier, in order. Returns the number of booked calls.
local function book_until(last, gcras, e_min)
  local granted, start, earliest_start = 0, e_min, at(e_min)
  for calls in next_number do
    local draws = read_draws(gcras)
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

-- Decides for a process that rejoins: whether it waits, and whether it is the first one and announces the rejoin.
local function rejoin_decision(stored)
  if not asked.alone_for then
    return false, false
  end
  if not stored or stored.epoch == HOLD_ONLY_EPOCH then
    local waits = stored and stored.local_end > now
    return waits, not waits
  end
  local was_announced = stored.local_end > asked.since + asked.alone_for
  local is_unchanged = stored.epoch == snapshot.epoch and stored.seq <= snapshot.seq
  local waits = stored.local_end > now
  return waits, not waits and is_unchanged and not was_announced
end

-- Announces a rejoin in the repaired cell. While the processes paced alone, they used the budget: the limits of the
-- shortest period have spent their burst, the others at least the tats that the request states, and in a cell that was
-- lost no limit has credit.
local function announce(cell, was_lost)
  cell.local_end = math.min(now + asked.alone_for, MAX_SAFE_INTEGER)
  cell.opens_at = math.max(math.min(cell.local_end + asked.pause, MAX_SAFE_INTEGER), cell.opens_at)
  cell.seq = cell.seq + 1
  spend_shortest_burst(cell, cell.opens_at)
  for _, limit in ipairs(asked.limits) do
    local state = find_limit(cell, limit.unit, limit.period)
    local gcra = new_gcra(state, cell.max_lateness)
    raise(gcra, limit.known_tat, 0)
    if was_lost then
      raise(gcra, cell.opens_at, state.burst)
    end
    store_tat(gcra, state)
  end
end

local stored, stored_text = cell_in(value)
if stored_text and not stored then
  return 'corrupt'
end
local is_expired = now > asked.expires
local waits, is_first = rejoin_decision(stored)
local epoch = stored and stored.epoch
local cell = repair(stored, now)
if is_first and not is_expired then
  announce(cell, epoch ~= cell.epoch)
end
local e_min = math.max(math.min(now + asked.lead, BEYOND), cell.held_until, cell.opens_at, asked.not_before)
local repaired = to_text(cell)
if is_expired or waits then
  -- Nothing is written, so the reply must not contain the repair: its epoch would be one that the store never had.
  return { now, e_min, -1, value or 'p' .. repaired }
end

local gcras = {}
for i, limit in ipairs(asked.limits) do
  gcras[i] = new_gcra(find_limit(cell, limit.unit, limit.period), cell.max_lateness)
end
local granted = is_first and 0 or book_until(e_min + asked.horizon, gcras, e_min)
local text = repaired
if granted > 0 then
  for i, limit in ipairs(asked.limits) do
    store_tat(gcras[i], find_limit(cell, limit.unit, limit.period))
  end
  cell.seq = cell.seq + 1
  text = to_text(cell)
end
if text ~= stored_text then
  write(cell, text, now)
end
return { now, e_min, granted, 'p' .. repaired }
