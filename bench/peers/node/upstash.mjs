// `@upstash/ratelimit`. Its client sends HTTP requests to a service; here a replacement over ioredis sends the commands
// to a Redis server, which favours this limiter, because HTTP takes longer.

import { createHash } from 'node:crypto';

import { Ratelimit } from '@upstash/ratelimit';
import Redis from 'ioredis';

export async function start({ url, key, budget }) {
  const redis = clientOn(new Redis(url));
  const limiter = new Ratelimit({
    redis,
    limiter: Ratelimit.slidingWindow(budget, '1 s'),
    ephemeralCache: false,
    prefix: 'upstash',
  });
  return async () => {
    const { success } = await limiter.blockUntilReady(key, 60_000);
    if (!success) throw new Error('no permit');
  };
}

// Returns a client with the methods that the limiter calls. The limiter's scripts begin with a flag line that a plain
// Redis rejects. The line is removed, which changes the scripts' hashes, so `hashes` maps each original hash.
function clientOn(redis) {
  const hashOf = (script) => createHash('sha1').update(script).digest('hex');
  const hashes = new Map();
  const withoutFlags = (script) => {
    const text = script.replace(/^#!lua[^\n]*\n/, '');
    hashes.set(hashOf(script), hashOf(text));
    return text;
  };
  return {
    evalsha: async (hash, keys, args) => {
      if (!hashes.has(hash)) throw new Error('NOSCRIPT');
      return redis.evalsha(hashes.get(hash), keys.length, ...keys, ...args);
    },
    eval: (script, keys, args) => redis.eval(withoutFlags(script), keys.length, ...keys, ...args),
    scriptLoad: (script) => redis.script('LOAD', withoutFlags(script)),
    get: (key) => redis.get(key),
  };
}
