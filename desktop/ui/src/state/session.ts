// How this tab signs in: with the one-time code in its address, with a token
// it has already, or with one from another tab. No cookies anywhere.
import { ApiError, Unreachable, api, auth } from '../lib/api';
import { t } from '../lib/i18n';
import { app } from './app.svelte';
import { channel, tell } from './channel';
import { guard, isLocked } from './guard.svelte';
import { listenToTabs, loadSnapshot, nodeDown, setOnline, startLive } from './live';
import { readRoute, route, topicPath } from './route.svelte';

const place = 'linnet.token';
const patience = 300; // milliseconds for another tab to answer

export async function signIn(): Promise<void> {
  auth.lost = lost;
  auth.locked = () => app.phase === 'ready' && !guard.held && location.reload(); // nothing of before stays in this tab
  auth.down = () => app.phase === 'ready' && void nodeDown();
  auth.up = () => !app.online && app.phase === 'ready' && setOnline(true);
  channel.addEventListener('message', hear);
  listenToTabs();
  const code = codeInAddress();
  readRoute();
  auth.token = sessionStorage.getItem(place) ?? '';
  if (code && (await useCode(code))) return;
  if (auth.token) return load();
  app.phase = 'signedOut';
  tell({ kind: 'who' });
}

// codeInAddress takes the one-time code out of the address, where nobody should
// find it later.
export function codeInAddress(): string {
  const code = /^#code=([^&]+)/.exec(location.hash)?.[1];
  if (!code) return '';
  history.replaceState(null, '', location.pathname + (route.topic ? topicPath(route.topic) : '#/'));
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}

// useCode exchanges a code for a token; app.refused says why not.
export async function useCode(code: string): Promise<boolean> {
  app.refused = '';
  const before = auth.token;
  auth.token = '';
  try {
    adopt((await api.session(code.trim())).token);
    tell({ kind: 'token', token: auth.token }); // tabs that are out come back in
  } catch (err) {
    auth.token = before;
    app.refused = err instanceof Unreachable ? t('session.unreachable') : err instanceof ApiError && err.problem.status !== 401 ? err.message : t('session.codeDead');
    return false;
  }
  await load();
  return true;
}

function adopt(token: string): void {
  auth.token = token;
  sessionStorage.setItem(place, token);
}

// load fills the page, or has it ask for the passphrase.
async function load(): Promise<void> {
  try {
    if (await isLocked()) {
      app.phase = 'locked';
      app.online = true;
      return;
    }
    await loadSnapshot();
  } catch (err) {
    if (err instanceof ApiError && err.problem.status === 401) return;
    app.online = false;
    setTimeout(load, 2000);
    return;
  }
  app.phase = 'ready';
  app.online = true;
  startLive();
}

// lost: the token has died, most likely because the node was started anew.
function lost(): void {
  auth.token = '';
  sessionStorage.removeItem(place);
  app.phase = app.phase === 'starting' ? 'signedOut' : 'restarted';
  app.nodeBack = true;
  tell({ kind: 'who' });
  void watchHealth();
}

// watchHealth says whether the node answers, for as long as this tab is out.
async function watchHealth(): Promise<void> {
  while (app.phase === 'restarted') {
    try {
      await api.health();
      app.nodeBack = true;
    } catch {
      app.nodeBack = false;
    }
    await new Promise((done) => setTimeout(done, 3000));
  }
}

function hear(ev: MessageEvent): void {
  const data = ev.data as { kind?: string; token?: string };
  if (data.kind === 'locked' && app.phase === 'ready') location.reload();
  if (data.kind === 'who' && auth.token && app.phase === 'ready') tell({ kind: 'token', token: auth.token });
  if (data.kind === 'token' && data.token && !auth.token && app.phase !== 'ready') {
    adopt(data.token);
    void load();
  }
}

// settled is true once other tabs had their chance to answer.
export function settled(): Promise<void> {
  return new Promise((done) => setTimeout(done, patience));
}
