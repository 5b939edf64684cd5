// `bottleneck` with its cluster on ioredis. `minTime` spaces permits evenly, for budgets whose spacing is at least its
// resolution of one millisecond.

import Bottleneck from 'bottleneck';
import Redis from 'ioredis';

export async function start({ url, key, budget }) {
  const port = Number(new URL(url).port);
  const even = budget <= 1_000 ? { minTime: 1_000 / budget } : {};
  const limiter = new Bottleneck({ id: key, datastore: 'ioredis', clearDatastore: false, clientOptions: { port }, Redis, ...even });
  await limiter.ready();
  return () => limiter.schedule(async () => {});
}
