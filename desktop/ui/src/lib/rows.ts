// What stands under what in a conversation: day lines, the line before what is
// new, and messages that belong together. Messages that cannot be read here, for
// the same reason, are one row.
import { dayKey } from './time';
import type { Message } from './types';

export const groupGap = 5 * 60 * 1000;

export interface Row {
  message: Message; // the newest one of a row of several
  several: Message[]; // that cannot be read here; else none
  day: boolean; // the first of its day
  fresh: boolean; // the first that was unread when the topic was opened
  first: boolean; // the first of its group
  last: boolean; // the last of its group
}

// rows lays messages out, oldest first. firstNew is the id of the first unread
// message, or empty.
export function rows(messages: Message[], firstNew: string): Row[] {
  const out: Row[] = [];
  let before: Message | undefined;
  for (const message of messages) {
    const day = !before || dayKey(before.time_ms) !== dayKey(message.time_ms);
    const fresh = message.id === firstNew;
    const above = out.at(-1);
    if (above && !day && !fresh && message.closed && message.closed === before?.closed) {
      above.several.push(message);
      above.message = before = message;
      continue;
    }
    const first = day || fresh || !before || !together(before, message);
    if (above) above.last = first;
    out.push({ message, several: message.closed ? [message] : [], day, fresh, first, last: true });
    before = message;
  }
  return out;
}

function together(a: Message, b: Message): boolean {
  return a.author.id === b.author.id && !a.closed && !b.closed && b.time_ms - a.time_ms < groupGap;
}

export interface Day {
  key: string;
  time_ms: number;
  rows: Row[];
}

// days puts rows under the day they were written on.
export function days(all: Row[]): Day[] {
  const out: Day[] = [];
  for (const row of all) {
    if (row.day) out.push({ key: dayKey(row.message.time_ms), time_ms: row.message.time_ms, rows: [] });
    out.at(-1)?.rows.push(row);
  }
  return out;
}

// order is the order on the page: time, then id. Ids are base32, whose digits
// stand behind its letters.
export function order(a: { time_ms: number; id: string }, b: { time_ms: number; id: string }): number {
  if (a.time_ms !== b.time_ms || a.id === b.id) return a.time_ms - b.time_ms;
  let i = 0;
  while (i < a.id.length && a.id[i] === b.id[i]) i++;
  return place(a.id, i) - place(b.id, i);
}

function place(id: string, i: number): number {
  const code = id.charCodeAt(i);
  return Number.isNaN(code) ? -1 : code < 0x3a ? code + 0x80 : code;
}
