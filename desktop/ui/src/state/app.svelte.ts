// What the page knows: the node, the topics, and how this tab stands to them.
// Filled by a snapshot and kept fresh by the event stream (live.ts).
import { api } from '../lib/api';
import type { Person } from '../lib/members';
import { order } from '../lib/rows';
import type { Message, NodeInfo, Topic } from '../lib/types';
import { dialogClosed, dialogOpened, route } from './route.svelte';

// starting: nothing known yet. signedOut: no token. restarted: the token has
// died with the node. locked: the passphrase is missing. ready: everything is here.
export type Phase = 'starting' | 'signedOut' | 'restarted' | 'locked' | 'ready';

export type DialogName =
  | 'newTopic'
  | 'openLink'
  | 'openFile'
  | 'saveFile'
  | 'share'
  | 'settings'
  | 'shortcuts'
  | 'switcher'
  | 'search'
  | 'reach'
  | 'reachSettings'
  | 'bridges'
  | 'details'
  | 'leave'
  | 'message'
  | 'invite'
  | 'removeMember'
  | 'myLink'
  | 'person'
  | 'safety'
  | 'removePerson'
  | 'protection'
  | 'passphrase'
  | 'phrase'
  | 'backup'
  | 'devices'
  | 'wipe';

export interface OpenDialog {
  name: DialogName;
  topic?: string;
  message?: Message;
  fresh?: boolean; // a topic that was made just now
  files?: File[];
  person?: string; // id of a contact
  member?: Person; // of the topic
  adding?: boolean; // a link is opened to add a person
  bridging?: boolean; // a link is opened to add a bridge
}

interface App {
  phase: Phase;
  online: boolean;
  nodeBack: boolean; // restarted, and the node answers again
  refused: string; // why signing in did not work
  node: NodeInfo | null;
  topics: Record<string, Topic>;
  drafts: Record<string, string>;
  replies: Record<string, Message | null>;
  dialog: OpenDialog | null;
  toast: string;
  said: string; // the polite live region
  now: number; // for times that grow older, once a minute
}

export const app = $state<App>({
  phase: 'starting',
  online: true,
  nodeBack: false,
  refused: '',
  node: null,
  topics: {},
  drafts: {},
  replies: {},
  dialog: null,
  toast: '',
  said: '',
  now: Date.now(),
});

// topicList is all topics, the one with the newest message first.
export function topicList(): Topic[] {
  return Object.values(app.topics).sort((a, b) => moment(b) - moment(a) || (a.id < b.id ? -1 : 1));
}

export function moment(topic: Topic): number {
  return Math.max(topic.last?.time_ms ?? 0, Date.parse(topic.joined) || 0);
}

export function unreadTotal(): number {
  return Object.values(app.topics).reduce((n, topic) => n + topic.unread, 0);
}

export function setTopics(items: Topic[]): void {
  const topics: Record<string, Topic> = {};
  for (const topic of items) {
    adoptDraft(topic);
    topics[topic.id] = topic;
  }
  app.topics = topics;
}

export function setTopic(topic: Topic): void {
  adoptDraft(topic);
  const known = app.topics[topic.id]?.last;
  if (known && (!topic.last || order(topic.last, known) < 0)) topic = { ...topic, last: known };
  app.topics[topic.id] = topic;
}

// adoptDraft takes a draft over from the node, unless this tab has a text of its own.
function adoptDraft(topic: Topic): void {
  const { id } = topic;
  const writing = route.topic === id && document.hasFocus();
  if (!(id in app.drafts) || (!writing && app.drafts[id] === app.topics[id]?.draft)) app.drafts[id] = topic.draft;
}

export function dropTopic(id: string): void {
  delete app.topics[id];
  delete app.drafts[id];
  delete app.replies[id];
}

// noteMessage keeps the newest message of the list fresh.
export function noteMessage(message: Message): void {
  const topic = app.topics[message.topic];
  if (topic && (!topic.last || order(message, topic.last) >= 0)) topic.last = message;
}

// refreshTopic asks for a topic anew, at most once in a while: counts are the
// node's to make, and history arrives in bursts.
const waiting = new Map<string, ReturnType<typeof setTimeout>>();

export function refreshTopic(id: string, after = 250): void {
  if (waiting.has(id)) return;
  waiting.set(
    id,
    setTimeout(() => {
      waiting.delete(id);
      if (id in app.topics) void api.topic(id).then(setTopic, () => {});
    }, after),
  );
}

export function open(dialog: OpenDialog): void {
  app.dialog = dialog;
  dialogOpened();
}

export function closeDialog(): void {
  app.dialog = null;
  dialogClosed();
}

let toastTimer: ReturnType<typeof setTimeout> | undefined;

export function toast(text: string): void {
  app.toast = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (app.toast = ''), 3500);
}

export async function copy(text: string, done: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return false;
  }
  toast(done);
  return true;
}
