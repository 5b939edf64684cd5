-- reserve: books a start for each call of a request.
-- ARGV: the request, one line of words:
--   max_lateness, horizon, not_before, lead, expires, max_hold
--   epoch_if_new, initial_delay                for a cell that the request creates
--   alone_for, pause, since                    of a process that rejoins after an outage, or - - -
--   epoch, seq, kept_until                     of the caller's snapshot, or - 0 0
--   the window in which the process was counted last; - if in none; * if the request does not count it
--   the number of limits; for each its unit, period, permits, burst and the tat of the snapshot, or 0
--   for each run of equal calls their number, and their cost on each limit
-- Times and durations are in microseconds.
-- Returns { now, e_min, number of booked calls or -1 if nothing was written, the cell after its repair and before the
-- booking }.
local request, value = ARGV[1], redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- # The fast path
--
-- The cell needs no repair: the process is counted already; the limits are those of the cell, in the same order, with the
-- same settings, declared within the last second; and every number is small enough for plain doubles. `break` leaves any
-- other case to the general path below, before anything is written. Where both paths apply, their results are the same
-- (`tests/vectors`).
--
-- Measured gain: the general path takes 2.3 to 3.1 times as long (a touch, one call, 18 calls; one and two limits; the
-- fastest of 60 batches of 25 scripts each, Redis 7.0.15 on two busy processors). So the fast path is written for speed: it
-- has one function only.
repeat
  local match, max, format = string.match, math.max, string.format
  local PLAIN = 4503599627370496 -- 2^52: the sum of two numbers below it is exact

  local max_lateness, horizon, not_before, lead, expires, max_hold, known_epoch, known_seq, counted, limit_count, word =
    match(request, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) %x+ %d+ %- %- %- (%x+) (%d+) %d+ (%S+) ([1-9]%d*)()')
  local epoch, seq, head, held_until, local_end, opens_at, cell_max_lateness, max_lateness_at, window, position =
    match(value or '', '^p1 ([0-9a-f]+) (%d+)( (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) %d+ %d+)()')
  if not max_lateness or cell_max_lateness ~= max_lateness or epoch ~= known_epoch
    or window ~= counted and counted ~= '*' or #epoch ~= 16 or epoch == '0000000000000000' then
    break
  end
  seq, held_until, max_lateness_at = tonumber(seq), tonumber(held_until), tonumber(max_lateness_at)
  local e_min = max(now + lead, held_until, tonumber(opens_at), tonumber(not_before))
  local oldest = now - 1000000
  if seq < tonumber(known_seq) or tonumber(window) ~= math.floor(now / 10000000) or max_lateness_at <= oldest
    or max_lateness_at > now or now > tonumber(expires) or held_until > now + max_hold or e_min >= PLAIN or seq >= PLAIN
    or tonumber(local_end) > now then
    break
  end

  -- Times of a limit count from e_min, in 1/permits microsecond. In that unit a spacing is period + maximum lateness. A
  -- spacing below a microsecond is left to the general path: a start at e_min may then be rounded up from an earlier
  -- time.
  local limits = {}
  for i = 1, tonumber(limit_count) do
    local id, period, permits, burst, next_word = match(request, '^ (%S+ ([1-9]%d*)) (%d+) (%d+) %d+()', word)
    local settings, cell_id, cell_permits, permits_at, cell_burst, burst_at, tat, remainder, next_position =
      match(value, '^( (%S+ %d+) (%d+) (%d+) (%d+) (%d+)) (%d+) (%d+)()', position)
    if not id or cell_id ~= id or cell_permits ~= permits or cell_burst ~= burst then
      break
    end
    permits, burst, tat, remainder = tonumber(permits), tonumber(burst), tonumber(tat), tonumber(remainder)
    permits_at, burst_at = tonumber(permits_at), tonumber(burst_at)
    local spacing = period + max_lateness
    local ahead = tat < e_min and 0 or (tat - e_min) * permits + remainder
    if permits_at <= oldest or permits_at > now or burst_at <= oldest or burst_at > now
      or ahead >= PLAIN or spacing < permits or remainder >= permits then
      break
    end
    limits[i] = {
      settings = settings,
      permits = permits,
      burst = burst,
      spacing = spacing,
      tat = tat,
      remainder = remainder,
      ahead = ahead, -- the tat, counted from e_min
    }
    word, position = next_word, next_position
  end
  if #limits ~= tonumber(limit_count) or position <= #value then
    break
  end
  if held_until > 0 then
    -- The burst of the shortest limit must be spent at the end of the hold, with certainty within the precision of doubles.
    local shortest, is_spent = math.huge, true
    for i = 1, #limits do
      shortest = math.min(shortest, limits[i].spacing)
    end
    for i = 1, #limits do
      local limit = limits[i]
      local spent_until = held_until + (limit.burst - 1) * limit.spacing / limit.permits
      is_spent = is_spent and (limit.spacing > shortest or limit.tat > spent_until + 1)
    end
    if not is_spent then
      break
    end
  end

  local granted = 0
  horizon = tonumber(horizon)
  local calls, cost = match(request, '^ (%d+) ([1-9]%d*)$', word)
  if calls and #limits == 1 then
    -- Calls of one cost on one limit: call k starts (k cost - burst) spacings after the tat, or at e_min.
    local limit = limits[1]
    local ahead, spacing = limit.ahead, limit.spacing
    if ahead + calls * cost * spacing >= PLAIN then
      break
    end
    local room = horizon * limit.permits - ahead
    granted = tonumber(calls)
    if (calls * cost - limit.burst) * spacing > room then
      granted = max(math.floor((math.floor(room / spacing) + limit.burst) / cost), 0)
    end
    limit.ahead, limit.is_drawn = ahead + granted * cost * spacing, true
  elseif word <= #request then
    -- Returns the number of booked calls; nil if a number is too large.
    local function book_one_by_one()
      local booked, start = 0, 0
      while word <= #request do
        calls, word = match(request, '^ (%d+)()', word)
        local drawn = {}
        for i = 1, #limits do
          local limit = limits[i]
          cost, word = match(request, '^ (%d+)()', word)
          limit.cost, limit.wait = cost * limit.spacing, (cost - limit.burst) * limit.spacing
          if limit.cost >= PLAIN then
            return nil
          elseif limit.cost > 0 then
            table.insert(drawn, limit)
          end
        end
        if #drawn == 0 then
          return nil
        end
        for _ = 1, calls do
          for i = 1, #drawn do
            local limit = drawn[i]
            local ready = limit.ahead + limit.wait
            if ready > start * limit.permits then
              start = math.ceil(ready / limit.permits)
            end
          end
          if start > horizon then
            return booked
          end
          for i = 1, #drawn do
            local limit = drawn[i]
            local ahead, wait, from = limit.ahead, limit.wait, start * limit.permits
            if ahead + wait > from - limit.permits then
              from = ahead + wait -- the exact time that was rounded up to the start
            end
            if wait > 0 then
              from = from - wait
            end
            ahead = (from > ahead and from or ahead) + limit.cost
            if ahead >= PLAIN then
              return nil
            end
            limit.ahead, limit.is_drawn = ahead, true
          end
          booked = booked + 1
        end
      end
      return booked
    end
    granted = book_one_by_one()
    if not granted then
      break
    end
  end

  if granted > 0 then
    local text, ttl, last = format('p1 %s %.0f%s', epoch, seq + 1, head), '3600000', e_min
    for i = 1, #limits do
      local limit = limits[i]
      local tat, remainder = limit.tat, limit.remainder
      if limit.is_drawn then
        local whole = math.floor(limit.ahead / limit.permits)
        tat, remainder = e_min + whole, limit.ahead - whole * limit.permits
      end
      text = format('%s%s %.0f %.0f', text, limit.settings, tat, remainder)
      last = max(last, remainder > 0 and tat + 1 or tat)
    end
    if last > now + 3600000000 then
      ttl = format('%.0f', math.ceil((last - now) / 1000))
    end
    redis.call('SET', KEYS[1], text, 'PX', ttl)
  end
  return { now, e_min, granted, value }
until true

-- # The general path
