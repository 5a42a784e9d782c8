// What the kinds of topics are called, and how they look.
import type { IconName } from '../components/Icon.svelte';
import { t } from './i18n';

export function kindName(kind: string): string {
  switch (kind) {
    case 'broadcast':
      return t('kind.broadcast');
    case 'private':
      return t('private.kind');
    case 'direct':
      return t('people.kind');
  }
  return t('kind.open');
}

export function kindIcon(kind: string): IconName {
  switch (kind) {
    case 'broadcast':
      return 'megaphone';
    case 'private':
      return 'lock';
    case 'direct':
      return 'person';
  }
  return 'bubbles';
}

// unnamed is what a topic is called that has no name: one that is only kept for
// others shows none.
export function unnamed({ kind }: { kind: string }): string {
  return t(kind === 'private' ? 'private.unnamed' : kind === 'direct' ? 'person.unnamed' : 'topic.unnamed');
}
