// How this browser shows the page. Nothing here is known to the node.

export type Theme = 'system' | 'light' | 'dark';
export type TextSize = 'small' | 'normal' | 'large' | 'huge';

interface Prefs {
  theme: Theme;
  textSize: TextSize;
  enterSends: boolean;
  singleKeys: boolean;
}

const place = 'linnet.prefs';
const defaults: Prefs = { theme: 'system', textSize: 'normal', enterSends: true, singleKeys: true };

export const prefs = $state<Prefs>({ ...defaults, ...stored() });

function stored(): Partial<Prefs> {
  try {
    return JSON.parse(localStorage.getItem(place) ?? '{}') as Partial<Prefs>;
  } catch {
    return {};
  }
}

// showPrefs puts the choices on the page and keeps them; called from an effect.
export function showPrefs(): void {
  const root = document.documentElement;
  if (prefs.theme === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = prefs.theme;
  root.dataset['size'] = prefs.textSize;
  try {
    localStorage.setItem(place, JSON.stringify(prefs));
  } catch {
    // a browser that keeps nothing still shows everything
  }
}
