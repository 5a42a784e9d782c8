import { describe, expect, it } from 'vitest';
import { addNewer, addOlder, dropAbove, dropBelow, flat, maxRows, pageSize, place, type Page } from './pages';
import type { Message } from './types';

function message(n: number): Message {
  return { id: 'm' + String(n).padStart(5, '0'), topic: 't', seq: n, time: '', time_ms: n * 10, author: { id: 'a', name: '', me: false }, text: '', entities: [], state: 'received' };
}

function page(from: number, to: number, all = 5000): Page {
  const items = Array.from({ length: to - from }, (_, i) => message(from + i));
  return { items, prev: from > 0 ? `b${from}` : null, next: to < all ? `a${to}` : null };
}

describe('pages', () => {
  it('never holds more than maxRows, and knows where to go on', () => {
    let pages = [page(4950, 5000)];
    for (let at = 4950; at > 0; at -= pageSize) pages = dropBelow(addOlder(pages, page(at - pageSize, at)));
    expect(flat(pages).length).toBe(maxRows);
    expect(pages[0]!.prev).toBe(null);
    expect(pages.at(-1)!.next).toBe('a400');
    for (let at = 400; at < 5000; at += pageSize) pages = dropAbove(addNewer(pages, page(at, at + pageSize)));
    expect(flat(pages).map((m) => m.seq)).toEqual(Array.from({ length: maxRows }, (_, i) => 4600 + i));
    expect(pages[0]!.prev).toBe('b4600');
  });

  it('leaves out what it has already', () => {
    expect(flat(addOlder([page(50, 100)], page(40, 60))).length).toBe(60);
  });

  it('places what arrives live', () => {
    const pages = [page(0, 10, 20), page(10, 20, 20)];
    expect(place(pages, message(20))).toBe('added');
    expect(place(pages, { ...message(20), state: 'handed' })).toBe('changed');
    expect(flat(pages).at(-1)!.state).toBe('handed');
    const late = { ...message(99), time_ms: 55 };
    expect(place(pages, late)).toBe('added');
    expect(flat(pages)[6]).toBe(late);
    expect(place(pages, { ...message(98), time_ms: -5 })).toBe('added');
    expect(flat(pages)[0]!.seq).toBe(98);
  });

  it('leaves out what lies beyond', () => {
    const pages = [page(100, 150)];
    expect(place(pages, message(10))).toBe('outside');
    expect(place(pages, message(999))).toBe('outside');
    expect(place([], message(1))).toBe('outside');
    expect(place([{ items: [], prev: null, next: null }], message(1))).toBe('added');
  });

  it('says when live messages have filled the window', () => {
    const pages = [page(0, 50, 50)];
    let got = '';
    for (let n = 50; got !== 'full'; n++) got = place(pages, message(n));
    expect(flat(pages).length).toBe(maxRows + 1);
  });
});
