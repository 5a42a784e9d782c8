// Texts of the page. A text is a whole sentence with named places: {name}. One
// that counts has a form per plural category of the language, chosen by {n}.
import en from '../locales/en.json';

export type Key = keyof typeof en;
export type Values = Record<string, string | number>;
export type Catalog = Record<string, string | Partial<Record<Intl.LDMLPluralRule | `=${number}`, string>>>;

export const locale = 'en';

export function translator(catalog: Catalog, language: string) {
  const plural = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language);
  return (key: string, values: Values = {}): string => {
    const entry = catalog[key];
    if (entry === undefined) return key;
    let text: string | undefined;
    if (typeof entry === 'string') text = entry;
    else {
      const n = Number(values['n'] ?? 0);
      text = entry[`=${n}`] ?? entry[plural.select(n)] ?? entry.other ?? key;
    }
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      return typeof value === 'number' ? number.format(value) : value;
    });
  };
}

const translate = translator(en as Catalog, locale);

export function t(key: Key, values?: Values): string {
  return translate(key, values);
}
