// One open topic: the run of messages that is on screen, and how it grows.
import { ApiError, api, type PageQuery } from '../lib/api';
import { order } from '../lib/rows';
import { addNewer, addOlder, cut, fromPage, lay, maxRows, nothing, pageLimit, pageSize, place, same, trim, type Stretch } from '../lib/stretch';
import type { Message, Topic } from '../lib/types';
import { app } from './app.svelte';

interface Mark {
  time_ms: number;
  id: string;
}

// Change applies what it is given without moving what is being read, and gives
// the id of the message that is read.
type Change = (apply: (reading: string) => void) => void;

const firstWait = 300; // milliseconds after which what arrived in bulk is looked up
const longestWait = 2400;

export class TimelineState {
  held = $state.raw<Stretch>(nothing);
  loaded = $state(false);
  loading = $state<'' | 'all' | 'older' | 'newer'>('all');
  failed = $state('');
  firstNew = $state(''); // id of the first message that was unread at opening
  quotes = $state<Record<string, Message | null>>({}); // messages that replies point at; null: not here

  messages = $derived(this.held.messages);
  atStart = $derived(this.held.prev === null);
  atEnd = $derived(this.held.next === null);

  private mark: Mark | null = null; // how far was read, as far as this tab knows
  private markOf = ''; // the read_up_to that mark stands for
  private turn = 0;

  constructor(readonly id: string) {}

  // open loads the place where reading goes on: the message asked for, the
  // first unread one, or the newest.
  async open(topic: Topic, target: string | null): Promise<'target' | 'new' | 'end'> {
    const mark = topic.read_up_to;
    if (target && (await this.load({ around: target }))) return 'target';
    if (topic.unread > 0 && mark && (await this.load({ around: mark })) && this.startNew(mark)) return 'new';
    await this.load({});
    // Where nothing was ever read, a few posts are read from the first one, and
    // of many the newest.
    const others = this.messages.filter((m) => !m.author.me).length;
    if (!mark && others === topic.unread && this.atStart && !topic.completeness.progress && this.startNew('')) return 'new';
    return 'end';
  }

  // startNew finds the first message behind a mark that somebody else wrote.
  private startNew(mark: string): boolean {
    const at = this.messages.findIndex((m) => m.id === mark);
    if (mark && at < 0) return false;
    this.firstNew = this.messages.slice(at + 1).find((m) => !m.author.me)?.id ?? '';
    return this.firstNew !== '';
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
      const page = await this.ask({ ...query, limit: pageSize });
      if (turn !== this.turn) return false;
      if (query.around && !page.messages.some((m) => m.id === query.around)) return false;
      this.held = page;
      this.loaded = true;
      return true;
    } catch (err) {
      if (turn === this.turn && !query.around) this.failed = err instanceof ApiError ? err.message : ' ';
      return false;
    } finally {
      if (turn === this.turn) this.loading = '';
    }
  }

  private async ask(query: PageQuery): Promise<Stretch> {
    return fromPage(await api.messages(this.id, query));
  }

  // older and newer grow the list on one side and drop the other. Where the
  // cursor went with what was dropped, a page around the last message has it.
  async older(change: Change): Promise<void> {
    const { prev, messages } = this.held;
    if (prev === null || !messages[0]) return;
    const query = prev === undefined ? { around: messages[0].id, limit: 2 * pageSize } : { before: prev, limit: pageSize };
    await this.grow('older', query, (held, page) => (prev === undefined ? lay(held, page) : addOlder(held, page)), change);
  }

  async newer(change: Change): Promise<void> {
    const { next, messages } = this.held;
    const last = messages.at(-1);
    if (next === null || !last) return;
    const query = next === undefined ? { around: last.id, limit: 2 * pageSize } : { after: next, limit: pageSize };
    await this.grow('newer', query, (held, page) => (next === undefined ? lay(held, page) : addNewer(held, page)), change);
  }

  private async grow(side: 'older' | 'newer', query: PageQuery, add: (held: Stretch, page: Stretch) => Stretch, change: Change): Promise<void> {
    if (this.loading) return;
    const turn = this.turn;
    this.loading = side;
    try {
      const page = await this.ask(query);
      if (turn === this.turn) change((reading) => (this.held = trim(add(this.held, page), reading)));
    } catch {
      // the banner says that nobody answers; scrolling asks again
      await new Promise((done) => setTimeout(done, 1500));
    } finally {
      if (turn === this.turn) this.loading = '';
    }
  }

  // take puts live messages in their places; reading is the one to stay near.
  take(messages: Message[], reading: string): void {
    let held = this.held;
    for (const message of messages) {
      if (message.topic !== this.id) continue;
      if (message.id in this.quotes) this.quotes[message.id] = message;
      held = place(held, message)[0];
      this.young.add(message.id);
    }
    if (held !== this.held) this.held = trim(held, reading);
  }

  private wait = firstWait;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;
  private again = false;
  private stopped = false;
  private young = new Set<string>(); // what came live while an answer is on its way

  // arrived is told that something came without an event of its own: history
  // arrives in bulk. What is held is then asked for anew, soon, once at a time,
  // and the more seldom the less there was to see. lost is called where that
  // cannot be found any more.
  arrived(change: Change, lost: () => void): void {
    if (this.asking) this.again = true;
    else this.timer ??= setTimeout(() => void this.refresh(change, lost), this.wait);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.stopped = true;
    this.turn++;
  }

  private async refresh(change: Change, lost: () => void): Promise<void> {
    this.timer = undefined;
    if (this.loading === 'all') return this.arrived(change, lost);
    const { turn } = this;
    this.asking = true;
    this.again = false;
    this.young.clear();
    try {
      const page = await this.whole();
      if (turn !== this.turn) return;
      const now = () => (this.messages.length === 0 ? page : lay(this.held, page, this.young));
      const changed = !same(now(), this.held);
      this.wait = changed ? firstWait : Math.min(this.wait * 2, longestWait);
      if (changed) change((reading) => (this.held = trim(now(), reading)));
    } catch (err) {
      this.wait = longestWait;
      if (!(err instanceof ApiError)) this.again = true; // nobody answers just now
      else if (turn === this.turn && err.problem.status === 404) lost();
    } finally {
      this.asking = false;
      if (this.again && !this.stopped) this.arrived(change, lost);
    }
  }

  // whole asks for what is held once more; where an end of the history was
  // reached, also for what may stand beyond it by now.
  private async whole(): Promise<Stretch> {
    const { messages, next, prev } = this.held;
    const [first] = messages;
    const last = messages.at(-1);
    if (!first || !last) return this.ask({ limit: pageSize });
    const fits = messages.length + pageSize;
    let page = next === null && fits <= pageLimit ? await this.ask({ limit: fits }) : nothing;
    const covers = (m: Message) => page.messages.some((x) => x.id === m.id);
    if (!covers(first)) page = await this.ask({ around: first.id, limit: pageLimit });
    while (page.next && !covers(last) && page.messages.length < maxRows + pageLimit) page = addNewer(page, await this.ask({ after: page.next, limit: pageLimit }));
    return cut(page, prev === null ? '' : first.id, next === null ? '' : last.id);
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
