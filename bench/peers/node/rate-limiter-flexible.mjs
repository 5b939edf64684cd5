// `rate-limiter-flexible` with its queue, which makes callers wait.

import Redis from 'ioredis';
import { RateLimiterQueue, RateLimiterRedis } from 'rate-limiter-flexible';

export async function start({ url, key, budget }) {
  const limiter = new RateLimiterRedis({ storeClient: new Redis(url), points: budget, duration: 1, keyPrefix: 'rlf' });
  const queue = new RateLimiterQueue(limiter, { maxQueueSize: 10_000_000 });
  return () => queue.removeTokens(1, key);
}
