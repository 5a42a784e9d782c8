// How far a post of one's own has come: never more than is known.
import { t } from './i18n';
import type { Message } from './types';

export interface Whereabouts {
  icon: 'clock' | 'sent' | 'check' | 'checks';
  short: string;
  long: string;
}

export function whereabouts({ state, stored_by }: Message): Whereabouts {
  switch (state) {
    case 'handed':
      return { icon: 'sent', short: t('state.handed'), long: t('state.handed.long') };
    case 'stored':
      return stored_by
        ? { icon: 'check', short: t('state.stored', { n: stored_by }), long: t('state.stored.long', { n: stored_by }) }
        : { icon: 'check', short: t('state.storedSome'), long: t('state.storedSome.long') };
    case 'read':
      return { icon: 'checks', short: t('people.read'), long: t('people.read.long') };
    case 'acknowledged':
      return { icon: 'checks', short: t('people.acknowledged'), long: t('people.acknowledged.long') };
    case 'received':
      return { icon: 'check', short: '', long: t('state.received.long') };
    default:
      return { icon: 'clock', short: t('state.queued'), long: t('state.queued.long') };
  }
}
