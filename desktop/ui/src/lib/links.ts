// What a link does, in words, and whether there is anything left to do with it.
import { t } from './i18n';
import type { LinkPreview, Topic } from './types';

export type Use = 'join' | 'keep' | 'add' | 'show' | 'own' | 'bridge';

// useOf tells what a link is good for here. topic is the one it leads to, where it
// is here; own is the person's own account.
export function useOf(found: LinkPreview, topic: Topic | undefined, own: string): Use {
  if (found.kind === 'bridge') return found.joined ? 'show' : 'bridge';
  if (found.kind === 'contact') return found.contact === own ? 'own' : found.joined ? 'show' : 'add';
  if (!found.joined) return found.kind === 'private' && !found.invite ? 'keep' : 'join';
  return found.invite && !takesPart(found, topic) ? 'join' : 'show';
}

// takesPart tells where an invitation has nothing more to give.
function takesPart(found: LinkPreview, topic: Topic | undefined): boolean {
  if (found.kind !== 'private') return topic?.can_post ?? false;
  return topic?.sealing !== undefined && topic.sealing.member && !topic.sealing.joining;
}

// linkSays says what accepting a link means.
export function linkSays({ kind, invite }: LinkPreview): string {
  switch (kind) {
    case 'contact':
      return t('people.link.explain');
    case 'bridge':
      return t('bridge.explain');
    case 'private':
      return t(invite ? 'invite.link.explain' : 'invite.link.keep');
    case 'broadcast':
      return t(invite ? 'invite.link.broadcast' : 'link.broadcast');
  }
  return t('link.open');
}

// shownAlready says that there is nothing left to do.
export function shownAlready({ kind, invite }: LinkPreview, topic: Topic | undefined): string {
  if (kind === 'contact') return t('people.link.known');
  if (kind === 'bridge') return t('bridge.known');
  if (kind !== 'private') return t('link.joined');
  return t(invite || topic?.sealing?.member ? 'invite.link.member' : 'invite.link.keeping');
}
