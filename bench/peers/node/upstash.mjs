// `@upstash/ratelimit`, whose client speaks HTTP to a service, on a stand-in for that client over ioredis: in its favour,
// since there is no HTTP.

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

// Its scripts begin with a flag of the service that a plain Redis refuses: without that line they have other names.
function clientOn(redis) {
  const named = (script) => createHash('sha1').update(script).digest('hex');
  const names = new Map();
  const plain = (script) => {
    const text = script.replace(/^#!lua[^\n]*\n/, '');
    names.set(named(script), named(text));
    return text;
  };
  return {
    evalsha: async (name, keys, args) => {
      if (!names.has(name)) throw new Error('NOSCRIPT');
      return redis.evalsha(names.get(name), keys.length, ...keys, ...args);
    },
    eval: (script, keys, args) => redis.eval(plain(script), keys.length, ...keys, ...args),
    scriptLoad: (script) => redis.script('LOAD', plain(script)),
    get: (name) => redis.get(name),
  };
}
