// The part of a topic's history that the page holds: a run of pages without a
// hole, at most maxRows messages, the far side dropped page by page.
import { order } from './rows';
import type { Message, MessagePage } from './types';

export const pageSize = 50;
export const maxRows = 400;

export interface Page {
  items: Message[];
  prev: string | null;
  next: string | null;
}

export type Placed = 'added' | 'changed' | 'outside' | 'full';

export function toPage(page: MessagePage): Page {
  return { items: page.items ?? [], prev: page.prev, next: page.next };
}

export function flat(pages: Page[]): Message[] {
  return pages.flatMap((p) => p.items);
}

function count(pages: Page[]): number {
  return pages.reduce((n, p) => n + p.items.length, 0);
}

// addOlder puts a page above.
export function addOlder(pages: Page[], page: Page): Page[] {
  return [without(page, pages), ...pages];
}

// addNewer puts a page below.
export function addNewer(pages: Page[], page: Page): Page[] {
  return [...pages, without(page, pages)];
}

// dropBelow leaves at most maxRows, the oldest ones.
export function dropBelow(pages: Page[]): Page[] {
  const out = [...pages];
  while (out.length > 1 && count(out) > maxRows) out.pop();
  return out;
}

// dropAbove leaves at most maxRows, the newest ones.
export function dropAbove(pages: Page[]): Page[] {
  const out = [...pages];
  while (out.length > 1 && count(out) > maxRows) out.shift();
  return out;
}

function without(page: Page, pages: Page[]): Page {
  const known = new Set(flat(pages).map((m) => m.id));
  return { ...page, items: page.items.filter((m) => !known.has(m.id)) };
}

// place puts a message that arrived live where it belongs. 'outside' means that
// it lies beyond what is held; 'full' that the window grew too large and should
// be loaded anew.
export function place(pages: Page[], message: Message): Placed {
  for (const page of pages) {
    const at = page.items.findIndex((m) => m.id === message.id);
    if (at >= 0) {
      page.items[at] = message;
      return 'changed';
    }
  }
  const top = pages[0];
  const bottom = pages.at(-1);
  if (!top || !bottom) return 'outside';
  const all = flat(pages);
  const first = all[0];
  const last = all.at(-1);
  if (last && order(message, last) > 0 && bottom.next !== null) return 'outside';
  if (first && order(message, first) < 0 && top.prev !== null) return 'outside';
  if (!last && (top.prev !== null || bottom.next !== null)) return 'outside';
  const home = pages.findLast((p) => p.items[0] && order(p.items[0], message) < 0) ?? top;
  let at = home.items.length;
  while (at > 0 && order(home.items[at - 1]!, message) > 0) at--;
  home.items.splice(at, 0, message);
  return count(pages) > maxRows ? 'full' : 'added';
}
