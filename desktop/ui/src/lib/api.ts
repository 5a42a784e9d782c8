// The page's side of the local HTTP contract: every request of the page leaves
// through call().
import { base64Text } from './files';
import { t } from './i18n';
import type {
  Bridge, Contact, ContactPatch, Device, DeviceOffer, Folder, FolderReport, Hints, ImportReport, Invite, LinkPreview, Lock, LockChange, Me, Member, Message, MessagePage, NodeInfo, Pass,
  PassList, Peer, Problem, Reach, ReachSettings, Recovery, Safety, SearchPage, Topic, TopicDraft, TopicPatch, Verified,
} from './types';

const base = '/api/v1';

// ApiError is an answer that says no; its text is meant for a person.
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

// whole is all that an answer says: what happened, and what to do.
export function whole(err: unknown): string {
  if (err instanceof ApiError) return [err.problem.title, err.problem.detail].filter(Boolean).join('. ').replace(/\.\.$/, '.');
  return (err instanceof Error && err.message) || t('composer.unreachable');
}

// Unreachable means that nobody answered: Linnet is not running.
export class Unreachable extends Error {}

// auth is who this tab is to the node, and whom to tell when that has ended.
export const auth = {
  token: '',
  lost: () => {},
  locked: () => {}, // the node is locked
  down: () => {}, // nobody answers
  up: () => {}, // somebody does
};

interface Options {
  headers?: Record<string, string>;
  signal?: AbortSignal;
  keepalive?: boolean;
}

export async function call<T>(method: string, path: string, body?: unknown, options: Options = {}): Promise<T> {
  const response = await send(method, path, body, options);
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

// While Linnet opens again with other settings it is asked once more, every
// reopenPause milliseconds.
const reopenPause = 1000;
const reopenTries = 10;

// send answers only with success; anything else is thrown.
export async function send(method: string, path: string, body?: unknown, options: Options = {}): Promise<Response> {
  for (let n = 1; ; n++) {
    try {
      return await sendOnce(method, path, body, options);
    } catch (err) {
      if (n === reopenTries || !(err instanceof ApiError) || err.problem.code !== 'reopening') throw err;
      await new Promise((done) => setTimeout(done, reopenPause));
      options.signal?.throwIfAborted();
    }
  }
}

async function sendOnce(method: string, path: string, body: unknown, options: Options): Promise<Response> {
  const headers: Record<string, string> = { ...options.headers };
  const used = auth.token;
  if (used) headers['Authorization'] = 'Bearer ' + used;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(base + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: options.signal,
      keepalive: options.keepalive,
      cache: 'no-store',
      credentials: 'omit',
    });
  } catch (err) {
    if (options.signal?.aborted) throw err;
    auth.down();
    throw new Unreachable();
  }
  auth.up();
  if (response.ok) return response;
  if (response.status === 401 && used && used === auth.token) auth.lost();
  if (response.status === 423) auth.locked();
  throw new ApiError(problemOf(await response.text().catch(() => ''), response.status, response.statusText));
}

function problemOf(text: string, status: number, statusText: string): Problem {
  try {
    const p = JSON.parse(text) as Problem;
    if (typeof p.title === 'string') return p;
  } catch {
    // not a problem document: say what is known
  }
  return { title: statusText || String(status), status, code: '' };
}

// upload sends a file and tells how much of it has gone out, which fetch cannot.
function upload<T>(path: string, file: Blob, headers: Record<string, string>, sent: (bytes: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const used = auth.token;
    request.open('POST', base + path);
    if (used) request.setRequestHeader('Authorization', 'Bearer ' + used);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (ev) => sent(ev.loaded);
    request.upload.onload = () => sent(file.size);
    request.onload = () => {
      auth.up();
      if (request.status < 300) return resolve(JSON.parse(request.responseText) as T);
      if (request.status === 401 && used === auth.token) auth.lost();
      reject(new ApiError(problemOf(request.responseText, request.status, request.statusText)));
    };
    // Nobody there, a file that went away, and an answer before the whole file
    // was taken all look the same from here.
    request.onerror = () => api.health().then(() => reject(new Error(t('file.cut'))), reject);
    request.send(file);
  });
}

const id = encodeURIComponent;

export interface PageQuery {
  before?: string;
  after?: string;
  around?: string;
  limit?: number;
}

export const api = {
  health: () => call<{ program: string }>('GET', '/health'),
  session: (code: string) => call<{ token: string }>('POST', '/session', { code }),
  node: () => call<NodeInfo>('GET', '/node'),
  forgetDamage: () => call<void>('DELETE', '/node/damage'),
  me: () => call<Me>('GET', '/me'),
  rename: (name: string) => call<Me>('PATCH', '/me', { name }),
  peers: () => call<{ items: Peer[] | null }>('GET', '/peers'),
  connect: (address: string) => call<unknown>('POST', '/peers', { address }),
  reach: () => call<Reach>('GET', '/reach'),
  changeReach: (patch: Partial<ReachSettings>) => call<Reach>('PATCH', '/reach', patch),
  bridges: () => call<{ items: Bridge[] | null }>('GET', '/bridges'),
  addBridge: (link: string) => call<Bridge>('POST', '/bridges', { link }),
  forgetBridge: (bridge: string) => call<void>('DELETE', `/bridges/${id(bridge)}`),
  passes: () => call<PassList>('GET', '/bridge-passes'),
  makePass: (name: string) => call<Pass>('POST', '/bridge-passes', { name }),
  linkByBridge: (topic: string, name: string) => call<{ link: string }>('POST', `/topics/${id(topic)}/links`, { bridge_pass_name: name }),
  revokePass: (pass: string) => call<void>('DELETE', `/bridge-passes/${id(pass)}`),
  topics: () => call<{ items: Topic[] | null; head: string }>('GET', '/topics'),
  topic: (topic: string) => call<Topic>('GET', `/topics/${id(topic)}`),
  createTopic: (draft: TopicDraft) => call<Topic>('POST', '/topics', draft),
  changeTopic: (topic: string, patch: TopicPatch) => call<Topic>('PATCH', `/topics/${id(topic)}`, patch),
  leave: (topic: string) => call<void>('DELETE', `/topics/${id(topic)}`),
  messages: (topic: string, query: PageQuery) => {
    const q = new URLSearchParams();
    for (const [k, v] of Object.entries(query)) if (v !== undefined) q.set(k, String(v));
    return call<MessagePage>('GET', `/topics/${id(topic)}/messages?${q}`);
  },
  message: (topic: string, message: string) => call<Message>('GET', `/topics/${id(topic)}/messages/${id(message)}`),
  post: (topic: string, draft: { text: string; reply_to?: string }, key: string) =>
    call<Message>('POST', `/topics/${id(topic)}/messages`, draft, { headers: { 'Idempotency-Key': key } }),
  read: (topic: string, upTo: string) => call<unknown>('PUT', `/topics/${id(topic)}/read`, { up_to: upTo }),
  draft: (topic: string, text: string, keepalive = false) => call<unknown>('PUT', `/topics/${id(topic)}/draft`, { text }, { keepalive }),
  repair: (topic: string) => call<unknown>('POST', `/topics/${id(topic)}/repair`),
  save: async (what: { topics?: string[]; notes?: string[] }) => (await send('POST', '/bundles/export', what)).blob(),
  note: async (what: { topics?: string[] }) => (await send('POST', '/bundles/note', what)).blob(),
  readIn: (file: Blob, sent: (bytes: number) => void) => upload<ImportReport>('/bundles/import', file, { 'Content-Type': 'application/vnd.linnet.bundle' }, sent),
  folders: () => call<{ items: FolderReport[] | null }>('GET', '/folders'),
  exchange: (folder: Folder) => call<FolderReport>('POST', '/folders', folder),
  forgetFolder: (path: string) => call<unknown>('DELETE', `/folders?${new URLSearchParams({ path })}`),
  preview: (link: string) => call<LinkPreview>('POST', '/links/preview', { link }),
  accept: (link: string) => call<Topic>('POST', '/links/accept', { link }),
  members: (topic: string) => call<{ items: Member[] | null; invited: number }>('GET', `/topics/${id(topic)}/members`),
  promote: (topic: string, writer: string) => call<void>('PATCH', `/topics/${id(topic)}/members/${id(writer)}`, { role: 'admin' }),
  removeMember: (topic: string, writer: string) => call<void>('DELETE', `/topics/${id(topic)}/members/${id(writer)}`),
  invite: (topic: string, role: string) => call<Invite>('POST', `/topics/${id(topic)}/invites?role=${id(role)}`),
  cancelInvites: (topic: string) => call<{ cancelled: number }>('DELETE', `/topics/${id(topic)}/invites`),
  typing: (topic: string) => call<void>('POST', `/topics/${id(topic)}/typing`),
  hints: () => call<Hints>('GET', '/me/hints'),
  changeHints: (patch: Partial<Hints>) => call<Hints>('PATCH', '/me/hints', patch),
  contacts: () => call<{ items: Contact[] | null }>('GET', '/contacts'),
  addContact: (link: string, name: string) => call<Contact>('POST', '/contacts', name ? { link, name } : { link }),
  changeContact: (contact: string, patch: ContactPatch) => call<Contact>('PATCH', `/contacts/${id(contact)}`, patch),
  removeContact: (contact: string) => call<void>('DELETE', `/contacts/${id(contact)}`),
  safety: (contact: string) => call<Safety>('GET', `/contacts/${id(contact)}/safety`),
  verify: (contact: string, how: { scanned?: string; same?: boolean }) => call<Verified>('POST', `/contacts/${id(contact)}/verify`, how),
  myLink: () => call<{ link: string }>('GET', '/me/link'),
  renewMyLink: () => call<{ link: string }>('POST', '/me/link'),
  lock: () => call<Lock>('GET', '/lock'),
  lockNow: () => call<Lock>('POST', '/lock'),
  changeLock: (change: LockChange) => call<Lock>('PATCH', '/lock', change),
  unlock: (passphrase: string) => call<Lock>('POST', '/unlock', { passphrase }),
  wipe: () => call<void>('POST', '/wipe', { confirm: 'wipe' }),
  phrase: () => call<Recovery>('GET', '/me/recovery'),
  checkPhrase: (ask: number[], words: string[]) => call<{ right: boolean[]; checked: boolean }>('POST', '/me/recovery', { ask, words }),
  backup: async (passphrase: string, history: boolean) => (await send('POST', '/backup', { passphrase, history })).blob(),
  restore: (file: Blob, passphrase: string, sent: (bytes: number) => void) =>
    upload<{ name: string; summary: string }>('/restore', file, { 'Content-Type': 'application/vnd.linnet.backup', 'Linnet-Passphrase': base64Text(passphrase) }, sent),
  devices: () => call<{ items: Device[] | null; add: boolean }>('GET', '/devices'),
  addDevice: (link: string, name: string, history: boolean) => call<Device>('POST', '/devices', { link, name, history }),
  removeDevice: (device: string) => call<{ left: number; summary: string }>('DELETE', `/devices/${id(device)}`),
  offer: () => call<DeviceOffer>('GET', '/offer'),
  takeOffer: () => call<Me>('POST', '/offer'),
  dropOffer: () => call<void>('DELETE', '/offer'),
  search: (q: string, topic: string | null, signal: AbortSignal) => {
    const query = new URLSearchParams({ q });
    if (topic) query.set('topic', topic);
    return call<SearchPage>('GET', `/search?${query}`, undefined, { signal });
  },
  events: (last: string, signal: AbortSignal) =>
    send('GET', '/events', undefined, { signal, headers: last ? { 'Last-Event-ID': last, Accept: 'text/event-stream' } : { Accept: 'text/event-stream' } }),
};
