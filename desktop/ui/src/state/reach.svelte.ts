// How this computer gets to others: asked for by the screens that show it, and
// anew whenever the node says that something about it changed.
import { api } from '../lib/api';
import type { Bridge, PassList, Reach } from '../lib/types';

interface Shown {
  now: Reach | null;
  bridges: Bridge[] | null; // those that may be used here
  passes: PassList | null; // links of this bridge
}

export const reach = $state<Shown>({ now: null, bridges: null, passes: null });

const pause = 300; // milliseconds in which changes are gathered
let screens = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export async function loadReach(): Promise<void> {
  const [now, bridges, passes] = await Promise.all([api.reach(), api.bridges(), api.passes()]);
  reach.now = now;
  reach.bridges = bridges.items ?? [];
  reach.passes = passes;
}

// watchReach keeps it fresh until the returned function is called.
export function watchReach(): () => void {
  screens++;
  refreshReach();
  return () => void screens--;
}

// refreshReach asks anew, soon and once, while a screen shows it.
export function refreshReach(): void {
  if (screens === 0) return;
  timer ??= setTimeout(() => {
    timer = undefined;
    void loadReach().catch(() => {}); // the banner says that nobody answers
  }, reach.now ? pause : 0);
}
