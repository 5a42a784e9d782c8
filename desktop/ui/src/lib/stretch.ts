// The part of a topic's history that the page holds: a stretch without a hole,
// in the node's order, of at most maxRows messages.
import { order } from './rows';
import type { Message, MessagePage } from './types';

export const pageSize = 50;
export const pageLimit = 200; // the most that the node gives at once
export const maxRows = 400;

// Edge is how the history goes on at one end: a cursor, null where there is no
// more, undefined where only asking around the last message tells.
export type Edge = string | null | undefined;

export interface Stretch {
  messages: Message[];
  prev: Edge;
  next: Edge;
}

export const nothing: Stretch = { messages: [], prev: undefined, next: undefined };

export function fromPage(page: MessagePage): Stretch {
  return { messages: page.items ?? [], prev: page.prev, next: page.next };
}

// addOlder puts above what was asked for by held.prev.
export function addOlder(held: Stretch, page: Stretch): Stretch {
  const fresh = without(page, held);
  return { messages: [...fresh, ...held.messages], prev: page.prev, next: held.next };
}

// addNewer puts below what was asked for by held.next.
export function addNewer(held: Stretch, page: Stretch): Stretch {
  const fresh = without(page, held);
  return { messages: [...held.messages, ...fresh], prev: held.prev, next: page.next };
}

function without(page: Stretch, held: Stretch): Message[] {
  const known = new Set(held.messages.map((m) => m.id));
  return page.messages.filter((m) => !known.has(m.id));
}

// lay puts a page over what is held. The page says what there is between its
// ends, so what is held in there and not in the page is gone, unless it is in
// young: that arrived after the page was made. Pages that share no message with
// what is held say nothing of how the two are joined, and change nothing.
export function lay(held: Stretch, page: Stretch, young: ReadonlySet<string> = new Set()): Stretch {
  const inPage = new Set(page.messages.map((m) => m.id));
  const from = held.messages.findIndex((m) => inPage.has(m.id));
  if (from < 0) return held;
  const to = held.messages.findLastIndex((m) => inPage.has(m.id));
  const above = held.messages.slice(0, from);
  const below = held.messages.slice(to + 1);
  const middle = [...page.messages];
  let at = 0; // behind the one above, as far as that is still here
  for (const m of held.messages.slice(from, to + 1)) {
    if (inPage.has(m.id)) at = middle.findIndex((x) => x.id === m.id) + 1;
    else if (young.has(m.id)) middle.splice(at++, 0, m);
  }
  return {
    messages: [...above, ...middle, ...below],
    prev: above.length > 0 || page.prev === undefined ? held.prev : page.prev,
    next: below.length > 0 || page.next === undefined ? held.next : page.next,
  };
}

// cut leaves what stands between two messages, both included; an empty id sets no bound.
export function cut(page: Stretch, first: string, last: string): Stretch {
  const from = first ? Math.max(0, page.messages.findIndex((m) => m.id === first)) : 0;
  const at = last ? page.messages.findIndex((m) => m.id === last) : -1;
  const to = at < 0 ? page.messages.length : at + 1;
  return { messages: page.messages.slice(from, to), prev: from > 0 ? undefined : page.prev, next: to < page.messages.length ? undefined : page.next };
}

// trim leaves at most maxRows, those around the message with this id, or the
// newest ones where it is not here.
export function trim(held: Stretch, id: string): Stretch {
  const n = held.messages.length;
  if (n <= maxRows) return held;
  const at = held.messages.findIndex((m) => m.id === id);
  const from = at < 0 ? n - maxRows : Math.max(0, Math.min(at - maxRows / 2, n - maxRows));
  const to = from + maxRows;
  return { messages: held.messages.slice(from, to), prev: from > 0 ? undefined : held.prev, next: to < n ? undefined : held.next };
}

// same tells whether two stretches show the same. What is held was given out by
// the node, so messages are compared by what can change of them.
export function same(a: Stretch, b: Stretch): boolean {
  return a.prev === b.prev && a.next === b.next && a.messages.length === b.messages.length && a.messages.every((m, i) => alike(m, b.messages[i]!));
}

function alike(a: Message, b: Message): boolean {
  return a === b || (a.id === b.id && a.state === b.state && a.stored_by === b.stored_by && a.bodiless === b.bodiless && a.text === b.text && a.author.name === b.author.name);
}

export type Placed = 'added' | 'changed' | 'outside';

// place puts a message that arrived live where it belongs; 'outside' means that
// it lies beyond what is held.
export function place(held: Stretch, message: Message): [Stretch, Placed] {
  const messages = [...held.messages];
  const known = messages.findIndex((m) => m.id === message.id);
  if (known >= 0) {
    messages[known] = message;
    return [{ ...held, messages }, 'changed'];
  }
  const [first] = messages;
  const last = messages.at(-1);
  if ((!last || order(message, last) > 0) && held.next !== null) return [held, 'outside'];
  if ((!first || order(message, first) < 0) && held.prev !== null) return [held, 'outside'];
  let at = messages.length;
  while (at > 0 && order(messages[at - 1]!, message) > 0) at--;
  messages.splice(at, 0, message);
  return [{ ...held, messages }, 'added'];
}
