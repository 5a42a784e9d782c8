// One open topic: the run of messages that is on screen, and how it grows.
import { ApiError, api } from '../lib/api';
import { addNewer, addOlder, dropAbove, dropBelow, flat, maxRows, pageSize, place, toPage, type Page } from '../lib/pages';
import { order } from '../lib/rows';
import type { Message, Topic } from '../lib/types';
import { app } from './app.svelte';

interface Mark {
  time_ms: number;
  id: string;
}

// Change applies what it is given without moving what is being read.
type Change = (apply: () => void) => Promise<void>;

export class TimelineState {
  pages = $state.raw<Page[]>([]);
  loading = $state<'' | 'all' | 'older' | 'newer'>('all');
  failed = $state('');
  firstNew = $state(''); // id of the first message that was unread at opening
  quotes = $state<Record<string, Message | null>>({}); // messages that replies point at; null: not here

  messages = $derived(flat(this.pages));
  atStart = $derived(this.pages.length > 0 && this.pages[0]!.prev === null);
  atEnd = $derived(this.pages.length > 0 && this.pages.at(-1)!.next === null);

  private mark: Mark | null = null; // how far was read, as far as this tab knows
  private markOf = ''; // the read_up_to that mark stands for
  private turn = 0;

  constructor(readonly id: string) {}

  // open loads the place where reading goes on: the message asked for, the
  // first unread one, or the newest.
  async open(topic: Topic, target: string | null): Promise<'target' | 'new' | 'end'> {
    const mark = topic.read_up_to;
    if (target && (await this.load({ around: target }))) return 'target';
    if (topic.unread > 0 && mark && (await this.load({ around: mark }))) {
      const at = this.messages.findIndex((m) => m.id === mark);
      const first = this.messages.slice(at + 1).find((m) => !m.author.me);
      if (at >= 0 && first) {
        this.firstNew = first.id;
        return 'new';
      }
    }
    await this.load({});
    return 'end';
  }

  async around(id: string): Promise<boolean> {
    return this.messages.some((m) => m.id === id) || this.load({ around: id });
  }

  // load replaces everything that is held.
  async load(query: { around?: string }): Promise<boolean> {
    const turn = ++this.turn;
    this.loading = 'all';
    this.failed = '';
    try {
      const page = toPage(await api.messages(this.id, { ...query, limit: pageSize }));
      if (turn !== this.turn) return false;
      if (query.around && !page.items.some((m) => m.id === query.around)) return false;
      this.pages = [page];
      return true;
    } catch (err) {
      if (turn === this.turn && !query.around) this.failed = err instanceof ApiError ? err.message : ' ';
      return false;
    } finally {
      if (turn === this.turn) this.loading = '';
    }
  }

  // older and newer grow the list on one side and only then drop the other: a
  // browser keeps the view still through either, but not through both at once.
  async older(change: Change): Promise<void> {
    const before = this.pages[0]?.prev;
    if (!before) return;
    await this.grow('older', { before }, async (page) => {
      await change(() => (this.pages = addOlder(this.pages, page)));
      if (this.messages.length > maxRows) await change(() => (this.pages = dropBelow(this.pages)));
    });
  }

  async newer(change: Change): Promise<void> {
    const after = this.pages.at(-1)?.next;
    if (!after) return;
    await this.grow('newer', { after }, async (page) => {
      await change(() => (this.pages = addNewer(this.pages, page)));
      if (this.messages.length > maxRows) await change(() => (this.pages = dropAbove(this.pages)));
    });
  }

  private async grow(side: 'older' | 'newer', query: { before?: string; after?: string }, add: (page: Page) => Promise<void>): Promise<void> {
    if (this.loading) return;
    const turn = this.turn;
    this.loading = side;
    try {
      const page = toPage(await api.messages(this.id, { ...query, limit: pageSize }));
      if (turn === this.turn) await add(page);
    } catch {
      // the banner says that nobody answers; scrolling asks again
      await new Promise((done) => setTimeout(done, 1500));
    } finally {
      if (turn === this.turn) this.loading = '';
    }
  }

  // take puts live messages in their places; true if the window must be loaded anew.
  take(messages: Message[]): boolean {
    let full = false;
    let changed = false;
    const pages = this.pages.map((p) => ({ ...p, items: [...p.items] }));
    for (const message of messages) {
      if (message.topic !== this.id) continue;
      if (message.id in this.quotes) this.quotes[message.id] = message;
      const placed = place(pages, message);
      changed ||= placed !== 'outside';
      full ||= placed === 'full';
    }
    if (changed) this.pages = pages;
    return full;
  }

  // quote finds the message that a reply points at.
  quote(id: string): void {
    if (id in this.quotes) return;
    const here = this.messages.find((m) => m.id === id);
    if (here) {
      this.quotes[id] = here;
      return;
    }
    this.quotes[id] = null;
    api.message(this.id, id).then(
      (m) => (this.quotes[id] = m),
      () => {},
    );
  }

  // seen moves the read mark forward, never back, to a message that was on screen.
  private sending: ReturnType<typeof setTimeout> | undefined;
  private finding = false;

  seen(message: Message): void {
    const topic = app.topics[this.id];
    if (!topic || (topic.unread === 0 && message.author.me)) return;
    if (!this.sending && (!this.mark || this.markOf !== topic.read_up_to)) {
      void this.findMark(topic.read_up_to, message);
      return;
    }
    if (this.mark && order(message, this.mark) <= 0) return;
    this.mark = message;
    this.markOf = message.id;
    clearTimeout(this.sending);
    this.sending = setTimeout(() => void this.sendMark(message.id), 350);
  }

  private async sendMark(id: string): Promise<void> {
    try {
      await api.read(this.id, id);
      const topic = await api.topic(this.id);
      if (app.topics[this.id]) app.topics[this.id] = topic;
    } catch {
      this.mark = null; // asked again by the next look
    } finally {
      this.sending = undefined;
    }
  }

  // findMark learns how old the read mark is.
  private async findMark(id: string, message: Message): Promise<void> {
    if (this.finding) return;
    this.finding = true;
    try {
      this.mark = id === '' ? { time_ms: 0, id } : (this.messages.find((m) => m.id === id) ?? (await api.message(this.id, id)));
    } catch (err) {
      if (!(err instanceof ApiError)) return;
      this.mark = { time_ms: 0, id };
    } finally {
      this.finding = false;
    }
    this.markOf = id;
    this.seen(message);
  }
}
