-- reserve: books a start for each call. Answers words: now, as seconds and microseconds; how many calls were booked; the
-- earliest start there could be (or - where it is plain from request and cell); the value with the cell after repair and
-- before the booking. One text is quicker made and read than a table.
--
-- ARGV: one line of words. guard, horizon, not_before, lead, expires, max_hold; for a new cell its epoch and fresh_start;
-- of one who comes back from an outage stay and pause (or -); of what the caller remembers the epoch (or -), seq and
-- latest tat; how many limits, and for each unit, period, permits, burst and the tat remembered (0 if none); then runs of
-- equal calls, how many and their cost on each limit. Times and durations in microseconds.

local request, value, time = ARGV[1], redis.call('GET', KEYS[1]), redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- # The usual case
--
-- The cell needs no repair: the caller's limits are its limits, in that order, with those settings, brought within the
-- last second; and every number is small enough for plain doubles. It takes a third of the time, so it is written for
-- that: words are compared as they are and become numbers where that is needed. `break` leaves the rest to the general
-- case, before anything is written; where both can answer, they answer the same.
repeat
  local match, format, sub, floor = string.match, string.format, string.sub, math.floor
  local PLAIN = 4503599627370496 -- 2^52: a sum of two numbers below it is exact

  local guard, horizon, not_before, lead, expires, max_hold, seen_epoch, seen_seq, count, word =
    match(request, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) %x+ %d+ %- %- (%S+) (%d+) %d+ ([1-9]%d*)()')
  local epoch, seq, after_seq, held_until, local_end, fresh_until, its_guard, guard_at, position =
    match(value or '', '^p1 ([0-9a-f]+) (%d+)() (%d+) (%d+) (%d+) (%d+) (%d+)()')
  if not guard or its_guard ~= guard or #epoch ~= 16 or epoch == '0000000000000000' or now > tonumber(expires) then
    break
  end
  seq, fresh_until = tonumber(seq), tonumber(fresh_until)
  local e_min, oldest, stamp = now + lead, now - 1000000, tonumber(guard_at)
  if fresh_until > e_min then
    e_min = fresh_until
  end
  if not_before ~= '0' or held_until ~= '0' then
    e_min = math.max(e_min, tonumber(not_before), tonumber(held_until))
  end
  local is_lost = epoch == seen_epoch and seq < tonumber(seen_seq)
  if is_lost or stamp <= oldest or stamp > now or seq >= PLAIN or e_min >= PLAIN
    or local_end ~= '0' and tonumber(local_end) > now
    or held_until ~= '0' and tonumber(held_until) > now + max_hold then
    break
  end

  -- The times of a limit are counted from e_min, in 1/permits microsecond: there a spacing is period + guard. One below a
  -- microsecond is not usual: a start at e_min may then be rounded up from before it.
  local lines = {}
  for i = 1, tonumber(count) do
    local id, period, permits, burst, next_word = match(request, '^ (%S+ ([1-9]%d*)) (%d+) (%d+) %d+()', word)
    local its_id, its_permits, permits_at, its_burst, burst_at, ends, tat, remainder, next_position =
      match(value, '^ (%S+ %d+) (%d+) (%d+) (%d+) (%d+)() (%d+) (%d+)()', position)
    if not id or its_id ~= id or its_permits ~= permits or its_burst ~= burst then
      break
    end
    if permits_at ~= guard_at or burst_at ~= guard_at then
      permits_at, burst_at = tonumber(permits_at), tonumber(burst_at)
      if permits_at <= oldest or permits_at > now or burst_at <= oldest or burst_at > now then
        break
      end
    end
    permits, tat, remainder = tonumber(permits), tonumber(tat), tonumber(remainder)
    local spacing = period + guard
    local ahead = tat < e_min and 0 or (tat - e_min) * permits + remainder
    if ahead >= PLAIN or spacing < permits or remainder >= permits then
      break
    end
    lines[i] = {
      -- what stands in the cell before the tat
      begins = i == 1 and after_seq or position,
      ends = ends - 1,
      permits = permits,
      burst = tonumber(burst),
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
  if held_until ~= '0' then
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
  local calls, cost = match(request, '^ (%d+) ([1-9]%d*)$', word)
  if calls and #lines == 1 then
    -- Calls of one cost on one limit: call k starts (k cost - burst) spacings after the tat, or at e_min.
    local line = lines[1]
    local ahead, spacing = line.ahead, line.spacing
    granted, cost = tonumber(calls), tonumber(cost)
    if ahead + granted * cost * spacing >= PLAIN then
      break
    end
    local room = horizon * line.permits - ahead
    if (granted * cost - line.burst) * spacing > room then
      granted = math.max(floor((floor(room / spacing) + line.burst) / cost), 0)
    end
    line.ahead, line.is_drawn = ahead + granted * cost * spacing, true
  elseif word <= #request then
    local function one_by_one()
      local booked, start = 0, 0
      horizon = tonumber(horizon)
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
    local text, ttl, last = 'p1 ' .. epoch .. format(' %.0f', seq + 1), '3600000', now + 3600000000
    for i = 1, #lines do
      local line = lines[i]
      local tat, remainder = line.tat, line.remainder
      if line.is_drawn then
        local after = floor(line.ahead / line.permits)
        tat, remainder = e_min + after, line.ahead - after * line.permits
      end
      text = text .. sub(value, line.begins, line.ends) .. format(' %.0f %.0f', tat, remainder)
      if tat >= last then
        last = remainder > 0 and tat + 1 or tat
        ttl = format('%.0f', math.ceil((last - now) / 1000))
      end
    end
    redis.call('SET', KEYS[1], text, 'PX', ttl)
  end
  return time[1] .. ' ' .. time[2] .. ' ' .. granted .. ' - ' .. value
until true

-- # The general case
