// The event stream: one per browser. The tab that holds the lock reads it and
// passes every event on to the others; when it closes, the next one goes on
// from the last id that was passed on.
import { ApiError, Unreachable, api } from '../lib/api';
import { EventParser } from '../lib/sse';
import type { Message, NodeInfo, StreamEvent, Topic } from '../lib/types';
import { app, dropTopic, noteMessage, refreshTopic, setTopic, setTopics } from './app.svelte';
import { channel, tell } from './channel';
import { guard, isLocked } from './guard.svelte';
import { loadPeople, refreshPeople } from './people.svelte';
import { refreshReach } from './reach.svelte';

const quietLimit = 40_000; // the node says something every 15 s
const longestWait = 15_000;
const steady = 5_000; // a stream that lasted this long starts the waiting anew

type Listener = (messages: Message[]) => void;
const listeners = new Set<Listener>();
const reloads = new Set<() => void>();

// onMessages hears of messages made or changed, in bundles.
export function onMessages(fn: Listener): () => void {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

// onReload is told when events were lost and what is on screen must be loaded anew.
export function onReload(fn: () => void): () => void {
  reloads.add(fn);
  return () => reloads.delete(fn);
}

let last = '';
let attempt = 0;
let started = false;
let wake: (() => void) | null = null;

let held: StreamEvent[] | null = null; // events that came while a snapshot was on its way

// loadSnapshot fetches everything that the shell shows. What happens meanwhile
// is put on top of it, not lost below it.
export async function loadSnapshot(): Promise<void> {
  const mine: StreamEvent[] = [];
  held = mine;
  try {
    const [node, topics] = await Promise.all([api.node(), api.topics(), loadPeople()]);
    app.node = node;
    setTopics(topics.items ?? []);
    last = topics.head;
  } finally {
    if (held === mine) held = null;
    for (const event of mine) receive(event);
  }
}

// listenToTabs hears what the tab with the stream passes on.
export function listenToTabs(): void {
  channel.addEventListener('message', (ev) => {
    const data = ev.data as { kind?: string; event?: StreamEvent; online?: boolean };
    if (data.kind === 'event' && data.event) receive(data.event);
    if (data.kind === 'online' && typeof data.online === 'boolean' && app.phase === 'ready') {
      if (data.online) {
        setOnline(true);
        void catchUp();
      } else void nodeDown();
    }
  });
}

export function startLive(): void {
  if (started) return;
  started = true;
  addEventListener('online', () => wake?.());
  document.addEventListener('visibilitychange', () => !document.hidden && wake?.());
  if (!('locks' in navigator)) {
    void readForever(false);
    return;
  }
  void navigator.locks.request('linnet-events', () => readForever(true));
}

// readForever ends with the tab.
async function readForever(leader: boolean): Promise<void> {
  for (;;) {
    if (app.phase === 'ready' && !guard.held) await readOnce(leader);
    const wait = Math.min(longestWait, 500 * 2 ** attempt) * (0.7 + Math.random() * 0.6);
    attempt = Math.min(attempt + 1, 6);
    await new Promise<void>((done) => {
      wake = done;
      setTimeout(done, app.phase === 'ready' ? wait : 700);
    });
    wake = null;
  }
}

let read = false; // the stream was open before

// catchUp asks for what the stream does not repeat: how topics stand right now.
async function catchUp(): Promise<void> {
  const topics = await api.topics().catch(() => null);
  for (const topic of topics?.items ?? []) if (topic.id in app.topics) setTopic(topic);
}

async function readOnce(leader: boolean): Promise<void> {
  const stop = new AbortController();
  const began = Date.now();
  let watchdog = setTimeout(() => stop.abort(), quietLimit);
  try {
    const response = await api.events(last, stop.signal);
    if (!response.body) return;
    if (leader) tell({ kind: 'online', online: true });
    void api.node().then((node) => (app.node = node), () => {});
    if (read) void catchUp();
    read = true;
    const parser = new EventParser((event) => {
      if (leader) tell({ kind: 'event', event });
      receive(event);
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => stop.abort(), quietLimit);
      parser.push(value);
    }
  } catch (err) {
    if (err instanceof ApiError && err.problem.code === 'bad_cursor') await reload('');
  } finally {
    clearTimeout(watchdog);
    stop.abort();
  }
  if (Date.now() - began > steady) attempt = 0;
  // A stream may end for a good reason; only a node that does not answer is gone.
  try {
    if ((await isLocked()) && !guard.held) {
      tell({ kind: 'locked' });
      location.reload();
    }
  } catch (err) {
    if (leader && err instanceof Unreachable) tell({ kind: 'online', online: false });
  }
}

export function setOnline(online: boolean): void {
  if (online && !app.online) wake?.();
  app.online = online;
}

let asking = false;

// nodeDown says so on the page, and asks until somebody answers again.
export async function nodeDown(): Promise<void> {
  setOnline(false);
  if (asking) return;
  asking = true;
  for (let wait = 500; !app.online; wait = Math.min(wait * 2, longestWait / 2)) {
    await new Promise((done) => setTimeout(done, wait));
    await api.health().catch(() => {}); // an answer calls auth.up
  }
  asking = false;
}

function receive(event: StreamEvent): void {
  if (held) {
    held.push(event);
    return;
  }
  if (event.id) last = event.id;
  let data: unknown;
  try {
    data = JSON.parse(event.data);
  } catch {
    return;
  }
  switch (event.type) {
    case 'message.created':
    case 'message.updated':
      gather((data as { message: Message }).message);
      return;
    case 'topic.created':
    case 'topic.updated': {
      const { topic, info } = data as { topic: string; info?: Topic };
      if (info) setTopic(info);
      else refreshTopic(topic);
      return;
    }
    case 'topic.removed':
      dropTopic((data as { topic: string }).topic);
      return;
    case 'node.updated':
      app.node = (data as { node: NodeInfo }).node;
      refreshPeople();
      refreshReach();
      return;
    case 'reset':
      void reload((data as { head: string }).head);
  }
}

async function reload(head: string): Promise<void> {
  if (head) last = head;
  await loadSnapshot().catch(() => {});
  for (const fn of reloads) fn();
}

let bundle: Message[] = [];

function gather(message: Message): void {
  if (!message?.id || !message.author) return;
  if (bundle.length === 0) setTimeout(deliver, 40);
  bundle.push(message);
}

function deliver(): void {
  const messages = bundle;
  bundle = [];
  for (const message of messages) noteMessage(message);
  for (const id of new Set(messages.map((m) => m.topic))) refreshTopic(id);
  for (const fn of listeners) fn(messages);
}
