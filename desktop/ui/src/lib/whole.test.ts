import { describe, expect, it } from 'vitest';
import { mayDrop } from './keep';
import { asking, forkLines, holeLines, mayAsk, progressText, vouched, word } from './whole';
import type { Author, Completeness, Retention, Topic } from './types';

const now = new Date(2026, 4, 20, 12).getTime();
const may3 = new Date(2026, 4, 3, 9).toISOString();
const author = (name: string, me = false): Author => ({ id: name, name, me });
const some = (c: Partial<Completeness>): Completeness => ({ state: 'unknown', have: 20, missing: 0, posts: 18, summary: 'NEVER', ...c });
const check = { number: 97, by: author('Anna'), time: may3, posts: 4812, met: true };
// What stands around names, so that they keep their direction to themselves.
const plain = (text: string) => text.replace(/[\u2068\u2069]/g, '');

describe('how much is here', () => {
  it('is said in a word', () => {
    const said = (c: Partial<Completeness>) => word(some(c))?.text;
    expect(said({ state: 'complete' })).toBe('All here');
    expect(said({ state: 'missing', missing: 3 })).toBe('3 missing');
    expect(said({ state: 'missing', missing: 3, asking: 2 })).toBe('3 missing, asking');
    expect(said({ state: 'unknown' })).toBe('Not vouched for yet');
    expect(said({ state: 'unknown', posts: 0 })).toBe(undefined);
    expect(said({ state: 'waiting' })).toBe('Waiting');
    expect(said({ state: 'forked', progress: { done: 1, total: 2 } })).toBe('Two versions signed');
    expect(said({ state: 'missing', progress: { done: 1, total: 2 } })).toBe('Arriving');
  });

  it('falls back to nothing where a newer node says something else', () => {
    const c = some({ state: 'something new' });
    expect([word(c), vouched(c, now), asking(c, 1), holeLines(c)]).toEqual([null, '', '', []]);
  });

  it('names who vouched, and when', () => {
    const said = (c: Partial<Completeness>, time = now) => plain(vouched(some(c), time));
    expect(said({ state: 'complete', checkpoint: check })).toBe('All that Anna vouched for on May 3 is here (checkpoint 97).');
    expect(said({ state: 'complete', checkpoint: { ...check, by: author('Ida', true) } })).toBe('All that you vouched for on May 3 is here (checkpoint 97).');
    expect(said({ state: 'complete', posts: 4820, checkpoint: check })).toBe('All that Anna vouched for on May 3 is here (checkpoint 97). 8 posts came later.');
    expect(said({ state: 'missing', checkpoint: { ...check, met: false } })).toBe('Anna vouched for 4,812 posts on May 3 (checkpoint 97). Not all that there was by then is here.');
    expect(said({ checkpoint: check }, now + 400 * 86_400_000)).toContain('on May 3, 2026');
    expect(said({})).toContain('nobody who runs this topic');
  });

  it('lists holes by writer', () => {
    const lines = holeLines(some({ holes: [{ author: author('Boris'), from: 41, to: 43 }, { author: author(''), from: 7, to: 7 }, { author: author('Ida', true), from: 12, to: 0 }] })).map(plain);
    expect(lines).toEqual(['Boris, numbers 41–43', 'Somebody without a name, number 7', 'You, from number 12 on']);
    const many = Array.from({ length: 20 }, (_, i) => ({ author: author('B'), from: i * 2, to: i * 2 }));
    expect(holeLines(some({ holes: many })).at(-1)).toBe('and older ones');
  });

  it('explains a fork', () => {
    const fork = { author: author('Petr\u202E'), seq: 7, time: may3 };
    expect(plain(forkLines(fork, now).join(' '))).toBe('Petr signed two different records under the number 7. Linnet noticed on May 3. What Petr wrote before that stays. What came from there on is set aside on this computer.');
    expect(forkLines({ ...fork, author: author('Ida', true) }, now)[0]).toContain('with your key');
  });

  it('counts what arrives', () => {
    expect(progressText({ done: 12_300, total: 100_000 })).toBe('12,300 of 100,000 records');
    expect(progressText({ done: 120, total: 100 })).toBe('100 of 100 records');
    expect(progressText({ done: 1, total: 0 })).toBe('1 record so far');
  });

  it('asks where that can help', () => {
    expect(['complete', 'missing', 'waiting', 'unknown', 'forked'].map((state) => mayAsk(some({ state })))).toEqual([false, true, true, true, false]);
    expect(mayAsk(some({ state: 'forked', missing: 1 }))).toBe(true);
    expect(asking(some({ state: 'missing', asking: 2 }), 3)).toBe('Asking 2 people…');
    expect(asking(some({ state: 'missing' }), 0)).toContain('Nobody who follows');
  });
});

describe('mayDrop', () => {
  const topic = { created: new Date(now - 100 * 86_400_000).toISOString(), completeness: some({ posts: 500 }) } as Topic;
  const drops = (from: Retention, to: Retention) => mayDrop(from, to, topic, now);
  const last = (n: number): Retention => ({ keep: 'last', n });
  const days = (n: number): Retention => ({ keep: 'days', n });

  it('asks only where texts could go', () => {
    expect(drops({ keep: 'all' }, last(500))).toBe(false);
    expect(drops({ keep: 'all' }, last(499))).toBe(true);
    expect(drops(last(100), last(200))).toBe(false);
    expect(drops(last(200), last(100))).toBe(true);
    expect(drops({ keep: 'all' }, days(101))).toBe(false);
    expect(drops({ keep: 'all' }, days(90))).toBe(true);
    expect(drops(days(30), days(60))).toBe(false);
    expect(drops(days(30), last(100))).toBe(true);
    expect(drops(last(3), { keep: 'all' })).toBe(false);
  });
});
