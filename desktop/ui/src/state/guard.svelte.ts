// How the data of this person is kept on this computer, and the lock on it.
import { api } from '../lib/api';
import type { Lock } from '../lib/types';
import { tell } from './channel';

interface Guard {
  lock: Lock | null;
  welcoming: boolean; // the first start goes on behind the name
  held: boolean; // the node is away for a moment, because this tab wants that
}

export const guard = $state<Guard>({ lock: null, welcoming: false, held: false });

// isLocked asks how the data is protected, which is told while locked, too.
export async function isLocked(): Promise<boolean> {
  guard.lock = await api.lock();
  return guard.lock.locked;
}

export function isProtected(): boolean {
  return guard.lock !== null && guard.lock.protection !== 'none';
}

// lockNow locks, and takes everything out of all tabs.
export async function lockNow(): Promise<void> {
  dispatchEvent(new Event('pagehide')); // drafts are kept first
  await api.node();
  guard.held = true;
  try {
    await api.lockNow();
  } finally {
    guard.held = false;
  }
  tell({ kind: 'locked' });
  location.reload();
}

// isWeak is what the node calls a weak passphrase: found soon by who has the disk.
export function isWeak(passphrase: string, least: number): boolean {
  return Array.from(passphrase).length < least || new Set(passphrase).size < 5;
}
