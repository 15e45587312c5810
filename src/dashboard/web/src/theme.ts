// Light, dark, or as the system has it. The choice is remembered if the browser allows it; otherwise it holds
// for this page.
import { useState } from 'preact/hooks';

export type Theme = 'system' | 'light' | 'dark';

const key = 'millrace-theme';

function remembered(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

function apply(theme: Theme): void {
  const root = document.documentElement;
  if (theme === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = theme;
}

/** Before anything is drawn, so that nothing flashes. */
export function applyRememberedTheme(): void {
  apply(remembered());
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, set] = useState(remembered);
  return [
    theme,
    (next) => {
      set(next);
      apply(next);
      try {
        localStorage.setItem(key, next);
      } catch {
        // Not allowed: then it is not remembered.
      }
    },
  ];
}
