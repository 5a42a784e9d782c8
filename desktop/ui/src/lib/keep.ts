// What goes when less is kept of a topic.
import type { Retention, Topic } from './types';

const day = 86_400_000;

// mayDrop tells whether texts that are kept now could go. Rather once too often.
export function mayDrop(now: Retention, wanted: Retention, topic: Topic, time: number): boolean {
  const n = wanted.n ?? 0;
  switch (wanted.keep) {
    case 'last':
      return topic.completeness.posts > n && !(now.keep === 'last' && (now.n ?? 0) <= n);
    case 'days': {
      const begun = Date.parse(topic.created);
      return !(begun > time - n * day) && !(now.keep === 'days' && (now.n ?? 0) <= n);
    }
  }
  return false;
}
