import { describe, expect, it } from 'vitest';
import { days, order, rows } from './rows';
import { dayName, listTime } from './time';
import type { Message } from './types';

const noon = new Date(2026, 10, 20, 12, 0).getTime();

function message(id: string, author: string, minutes: number): Message {
  const time_ms = noon + minutes * 60_000;
  return { id, topic: 't', seq: 1, time: new Date(time_ms).toISOString(), time_ms, author: { id: author, name: author, me: false }, text: id, entities: [], state: 'received' };
}

describe('rows', () => {
  it('groups one author within five minutes', () => {
    const got = rows([message('1', 'a', 0), message('2', 'a', 4), message('3', 'b', 4), message('4', 'b', 9)], '');
    expect(got.map((r) => [r.first, r.last])).toEqual([
      [true, false],
      [false, true],
      [true, true],
      [true, true],
    ]);
  });

  it('starts a day and what is new on a line of their own', () => {
    const got = rows([message('1', 'a', 0), message('2', 'a', 1), message('3', 'a', 24 * 60)], '2');
    expect(got.map((r) => r.day)).toEqual([true, false, true]);
    expect(got.map((r) => r.fresh)).toEqual([false, true, false]);
    expect(got.map((r) => r.first)).toEqual([true, true, true]);
  });

  it('puts rows under their days', () => {
    const got = days(rows([message('1', 'a', 0), message('2', 'a', 1), message('3', 'a', 24 * 60)], ''));
    expect(got.map((d) => d.rows.map((r) => r.message.id))).toEqual([['1', '2'], ['3']]);
  });

  it('makes one row of messages that cannot be read for the same reason', () => {
    const closed = (id: string, minutes: number, reason: string): Message => ({ ...message(id, 'a', minutes), text: '', closed: reason });
    const all = [message('1', 'a', 0), closed('2', 1, 'before'), closed('3', 200, 'before'), closed('4', 201, 'faded'), message('5', 'a', 201), closed('6', 202, 'before')];
    expect(rows(all, '').map((r) => [r.message.id, r.several.map((m) => m.id).join(), r.first, r.last])).toEqual([
      ['1', '', true, true],
      ['3', '2,3', true, true],
      ['4', '4', true, true],
      ['5', '', true, true],
      ['6', '6', true, true],
    ]);
    // What is new, and another day, begin on a row of their own.
    expect(rows([closed('1', 0, 'before'), closed('2', 1, 'before'), closed('3', 24 * 60, 'before')], '2').map((r) => r.several.length)).toEqual([1, 1, 1]);
  });

  it('is empty for nothing', () => {
    expect(rows([], '')).toEqual([]);
  });
});

describe('order', () => {
  it('is that of the node: time, then the bytes of the id', () => {
    const ids = ['ab', 'a2', 'aa', '2a', 'zz'].map((id) => ({ time_ms: 5, id }));
    expect([...ids, { time_ms: 4, id: '77' }].sort(order).map((m) => m.id)).toEqual(['77', 'aa', 'ab', 'a2', 'zz', '2a']);
    expect(order(ids[0]!, ids[0]!)).toBe(0);
  });
});

describe('times', () => {
  it('names days', () => {
    expect(dayName(noon, noon)).toBe('Today');
    expect(dayName(noon - 86_400_000, noon)).toBe('Yesterday');
    expect(dayName(new Date(2026, 0, 3).getTime(), noon)).toBe('Saturday, January 3');
    expect(dayName(new Date(2024, 0, 3).getTime(), noon)).toBe('January 3, 2024');
  });

  it('is short in the list', () => {
    expect(listTime(noon - 3 * 86_400_000, noon)).toBe('Tue');
    expect(listTime(noon - 30 * 86_400_000, noon)).toBe('Oct 21');
  });
});
