-- reserve: books a start for each call. Answers now, the earliest start there could be, how many calls were booked (-1:
-- none, and nothing was written), and the cell after repair and before the booking.
--
-- ARGV: one line of words. guard, horizon, not_before, lead, expires, max_hold; for a new cell its epoch and fresh_start; of
-- one who comes back from an outage stay, pause and since (or -); of what the caller remembers the epoch (or -), seq, until
-- when the cell is kept at least, and the window in which it was counted (or -, or * where it is not to be); how many
-- limits, and for each unit, period, permits, burst and the tat remembered (0 if none); then runs of equal calls, how many
-- and their cost on each limit. Times and durations in microseconds.

local request, value = ARGV[1], redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- # The usual case
--
-- The cell needs no repair: the caller is not to be counted in it (again); its limits are the cell's, in that order, with
-- those settings, brought within the last second; and every number is small enough for plain doubles. It takes a third
-- of the time, so it is written for that, without a function but where one is needed. `break` leaves the rest to the
-- general case, before anything is written; where both can answer, they answer the same.
repeat
  local match, max, format = string.match, math.max, string.format
  local PLAIN = 4503599627370496 -- 2^52: a sum of two numbers below it is exact

  local guard, horizon, not_before, lead, expires, max_hold, seen_epoch, seen_seq, counted, count, word =
    match(request, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) %x+ %d+ %- %- %- (%x+) (%d+) %d+ (%S+) ([1-9]%d*)()')
  local epoch, seq, head, held_until, local_end, fresh_until, its_guard, guard_at, window, position =
    match(value or '', '^p1 ([0-9a-f]+) (%d+)( (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) %d+ %d+)()')
  if not guard or its_guard ~= guard or epoch ~= seen_epoch or window ~= counted and counted ~= '*'
    or #epoch ~= 16 or epoch == '0000000000000000' then
    break
  end
  seq, held_until, guard_at = tonumber(seq), tonumber(held_until), tonumber(guard_at)
  local e_min = max(now + lead, held_until, tonumber(fresh_until), tonumber(not_before))
  local oldest = now - 1000000
  if seq < tonumber(seen_seq) or tonumber(window) ~= math.floor(now / 10000000) or guard_at <= oldest or guard_at > now
    or now > tonumber(expires) or held_until > now + max_hold or e_min >= PLAIN or seq >= PLAIN
    or tonumber(local_end) > now then
    break
  end

  -- The times of a limit are counted from e_min, in 1/permits microsecond: there a spacing is period + guard. One below a
  -- microsecond is not usual: a start at e_min may then be rounded up from before it.
  local lines = {}
  for i = 1, tonumber(count) do
    local id, period, permits, burst, next_word = match(request, '^ (%S+ ([1-9]%d*)) (%d+) (%d+) %d+()', word)
    local settings, its_id, its_permits, permits_at, its_burst, burst_at, tat, remainder, next_position =
      match(value, '^( (%S+ %d+) (%d+) (%d+) (%d+) (%d+)) (%d+) (%d+)()', position)
    if not id or its_id ~= id or its_permits ~= permits or its_burst ~= burst then
      break
    end
    permits, burst, tat, remainder = tonumber(permits), tonumber(burst), tonumber(tat), tonumber(remainder)
    permits_at, burst_at = tonumber(permits_at), tonumber(burst_at)
    local spacing = period + guard
    local ahead = tat < e_min and 0 or (tat - e_min) * permits + remainder
    if permits_at <= oldest or permits_at > now or burst_at <= oldest or burst_at > now
      or ahead >= PLAIN or spacing < permits or remainder >= permits then
      break
    end
    lines[i] = {
      settings = settings,
      permits = permits,
      burst = burst,
      spacing = spacing,
      tat = tat,
      remainder = remainder,
      ahead = ahead,
    }
    word, position = next_word, next_position
  end
  if #lines ~= tonumber(count) or position <= #value then
    break
  end
  if held_until > 0 then
    -- Has it taken the burst's credit of the shortest limit? As surely as doubles can tell.
    local shortest, spent = math.huge, true
    for i = 1, #lines do
      shortest = math.min(shortest, lines[i].spacing)
    end
    for i = 1, #lines do
      local line = lines[i]
      local credit_ends = held_until + (line.burst - 1) * line.spacing / line.permits
      spent = spent and (line.spacing > shortest or line.tat > credit_ends + 1)
    end
    if not spent then
      break
    end
  end

  local granted = 0
  horizon = tonumber(horizon)
  local calls, cost = match(request, '^ (%d+) ([1-9]%d*)$', word)
  if calls and #lines == 1 then
    -- Calls of one cost on one limit: call k starts (k cost - burst) spacings after the tat, or at e_min.
    local line = lines[1]
    local ahead, spacing = line.ahead, line.spacing
    if ahead + calls * cost * spacing >= PLAIN then
      break
    end
    local room = horizon * line.permits - ahead
    granted = tonumber(calls)
    if (calls * cost - line.burst) * spacing > room then
      granted = max(math.floor((math.floor(room / spacing) + line.burst) / cost), 0)
    end
    line.ahead, line.is_drawn = ahead + granted * cost * spacing, true
  elseif word <= #request then
    local function one_by_one()
      local booked, start = 0, 0
      while word <= #request do
        calls, word = match(request, '^ (%d+)()', word)
        local draws = {}
        for i = 1, #lines do
          local line = lines[i]
          cost, word = match(request, '^ (%d+)()', word)
          line.cost, line.behind = cost * line.spacing, (cost - line.burst) * line.spacing
          if line.cost >= PLAIN then
            return nil
          elseif line.cost > 0 then
            table.insert(draws, line)
          end
        end
        if #draws == 0 then
          return nil
        end
        for _ = 1, calls do
          for i = 1, #draws do
            local line = draws[i]
            local free = line.ahead + line.behind
            if free > start * line.permits then
              start = math.ceil(free / line.permits)
            end
          end
          if start > horizon then
            return booked
          end
          for i = 1, #draws do
            local line = draws[i]
            local ahead, behind, from = line.ahead, line.behind, start * line.permits
            if ahead + behind > from - line.permits then
              from = ahead + behind -- what was rounded up to the start
            end
            if behind > 0 then
              from = from - behind
            end
            ahead = (from > ahead and from or ahead) + line.cost
            if ahead >= PLAIN then
              return nil
            end
            line.ahead, line.is_drawn = ahead, true
          end
          booked = booked + 1
        end
      end
      return booked
    end
    granted = one_by_one()
    if not granted then
      break
    end
  end

  if granted > 0 then
    local text, ttl, last = format('p1 %s %.0f%s', epoch, seq + 1, head), '3600000', e_min
    for i = 1, #lines do
      local line = lines[i]
      local tat, remainder = line.tat, line.remainder
      if line.is_drawn then
        local after = math.floor(line.ahead / line.permits)
        tat, remainder = e_min + after, line.ahead - after * line.permits
      end
      text = format('%s%s %.0f %.0f', text, line.settings, tat, remainder)
      last = max(last, remainder > 0 and tat + 1 or tat)
    end
    if last > now + 3600000000 then
      ttl = format('%.0f', math.ceil((last - now) / 1000))
    end
    redis.call('SET', KEYS[1], text, 'PX', ttl)
  end
  return { now, e_min, granted, value }
until true

-- # The general case
