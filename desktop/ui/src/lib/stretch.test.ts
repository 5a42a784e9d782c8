import { describe, expect, it } from 'vitest';
import { addNewer, addOlder, cut, fromPage, lay, maxRows, nothing, pageSize, place, same, trim, type Stretch } from './stretch';
import type { Message } from './types';

function message(n: number): Message {
  return { id: 'm' + String(n).padStart(5, '0'), topic: 't', seq: n, time: '', time_ms: n * 10, author: { id: 'a', name: '', me: false }, text: '', entities: [], state: 'received' };
}

function page(from: number, to: number, all = 5000): Stretch {
  const items = Array.from({ length: to - from }, (_, i) => message(from + i));
  return fromPage({ items, prev: from > 0 ? `b${from}` : null, next: to < all ? `a${to}` : null });
}

const numbers = (held: Stretch) => held.messages.map((m) => m.seq);
const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('a stretch', () => {
  it('never holds more than maxRows, and knows where it goes on', () => {
    let held = page(4950, 5000);
    for (let at = 4950; at > 0; at -= pageSize) held = trim(addOlder(held, page(at - pageSize, at)), message(at - pageSize).id);
    expect(numbers(held)).toEqual(span(0, maxRows));
    expect(held.prev).toBe(null);
    expect(held.next).toBe(undefined);
    for (let at = 400; at < 5000; at += pageSize) held = trim(addNewer(held, page(at, at + pageSize)), message(at + pageSize - 1).id);
    expect(numbers(held)).toEqual(span(4600, 5000));
    expect([held.prev, held.next]).toEqual([undefined, null]);
  });

  it('trims to both sides of what is read', () => {
    const held = trim(page(0, 1000), message(500).id);
    expect(numbers(held)).toEqual(span(300, 700));
    expect([held.prev, held.next]).toEqual([undefined, undefined]);
    expect(numbers(trim(page(0, 1000), ''))).toEqual(span(600, 1000));
  });

  it('leaves out what it has already', () => {
    expect(numbers(addOlder(page(50, 100), page(40, 60)))).toEqual(span(40, 100));
  });
});

describe('lay', () => {
  const holed = (...gone: number[]): Stretch => {
    const all = page(100, 200);
    return { ...all, messages: all.messages.filter((m) => !gone.includes(m.seq)) };
  };

  it('fills holes in the middle and keeps the ends', () => {
    const got = lay(holed(120, 150, 151), page(110, 190));
    expect(numbers(got)).toEqual(span(100, 200));
    expect([got.prev, got.next]).toEqual(['b100', 'a200']);
  });

  it('goes beyond both ends where the page does', () => {
    const got = lay(holed(100, 199), page(50, 250));
    expect(numbers(got)).toEqual(span(50, 250));
    expect([got.prev, got.next]).toEqual(['b50', 'a250']);
  });

  it('learns that there is more above', () => {
    const got = lay({ ...page(100, 200), prev: null }, page(60, 140));
    expect(numbers(got)).toEqual(span(60, 200));
    expect(got.prev).toBe('b60');
  });

  it('drops what is gone, but not what has just come', () => {
    const got = lay(page(100, 200), holed(150, 151), new Set([message(151).id]));
    expect(numbers(got)).toEqual(span(100, 200).filter((n) => n !== 150));
  });

  it('changes nothing where the two do not touch', () => {
    const held = page(100, 200);
    expect(lay(held, page(300, 400))).toBe(held);
    expect(lay(held, { messages: [], prev: null, next: null })).toBe(held);
  });

  it('adds nothing beyond an end where that was cut off', () => {
    const got = lay(holed(150), cut(page(60, 240), message(100).id, message(199).id));
    expect(numbers(got)).toEqual(span(100, 200));
    expect([got.prev, got.next]).toEqual(['b100', 'a200']);
    expect(numbers(cut(page(60, 240), '', message(199).id))).toEqual(span(60, 200));
    expect(cut(page(60, 240), '', '')).toEqual(page(60, 240));
  });

  it('is the same over and over', () => {
    const held = lay(holed(150), page(100, 200));
    expect(same(held, lay(held, page(100, 200)))).toBe(true);
    const changed = page(100, 200);
    changed.messages[3] = { ...changed.messages[3]!, bodiless: true };
    expect(same(held, lay(held, changed))).toBe(false);
  });

  // Against a plain model: whatever order records arrive in, the stretch is
  // always a run of what the node has.
  it('holds a run of what there is, whatever arrives when', () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    for (let round = 0; round < 200; round++) {
      const rest = span(0, 120).sort(() => random(3) - 1);
      let there: number[] = rest.splice(0, 20).sort((a, b) => a - b);
      const ask = (from: number, to: number): Stretch => {
        const lo = Math.max(0, from);
        const hi = Math.min(there.length, to);
        return { messages: there.slice(lo, hi).map(message), prev: lo > 0 ? 'b' + there[lo] : null, next: hi < there.length ? 'a' + there[hi - 1] : null };
      };
      let held = ask(there.length - 10, there.length);
      for (let step = 0; step < 30; step++) {
        if (held.prev && random(2)) {
          const at = there.indexOf(held.messages[0]!.seq);
          held = addOlder(held, ask(at - 8, at));
        }
        there = [...there, ...rest.splice(0, random(6))].sort((a, b) => a - b);
        const first = there.indexOf(held.messages[0]!.seq);
        const last = there.indexOf(held.messages.at(-1)!.seq);
        held = lay(held, ask(first - random(10), last + 1 + random(10)));
        const got = numbers(held);
        const at = there.indexOf(got[0]!);
        expect(got).toEqual(there.slice(at, at + got.length));
        expect(held.prev === null).toBe(at === 0);
      }
    }
  });
});

describe('place', () => {
  it('puts live messages in their places', () => {
    const held = page(0, 20, 20);
    const [added, how] = place(held, message(20));
    expect(how).toBe('added');
    const [changed, again] = place(added, { ...message(20), state: 'handed' });
    expect([again, changed.messages.at(-1)!.state]).toEqual(['changed', 'handed']);
    const late = { ...message(99), time_ms: 55 };
    expect(place(held, late)[0].messages[6]).toBe(late);
    expect(numbers(place(held, { ...message(98), time_ms: -5 })[0])[0]).toBe(98);
  });

  it('leaves out what lies beyond', () => {
    const held = page(100, 150);
    expect(place(held, message(10))[1]).toBe('outside');
    expect(place(held, message(999))[1]).toBe('outside');
    expect(place(nothing, message(1))[1]).toBe('outside');
    expect(place({ messages: [], prev: null, next: null }, message(1))[1]).toBe('added');
  });
});
