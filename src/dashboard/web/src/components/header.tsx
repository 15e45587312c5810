// The bar at the top: name, views, how live the figures are, light or dark.
import { address, start, type Navigation, type State } from '../state';
import type { Live } from '../stream';
import { useTheme, type Theme } from '../theme';
import { Icon, type IconName } from './icon';
import { LiveState } from './live-state';

const views: { view: State['view']; label: string }[] = [
  { view: 'overview', label: 'Overview' },
  { view: 'operations', label: 'Operations' },
];

const themes: { theme: Theme; label: string; icon: IconName }[] = [
  { theme: 'light', label: 'Light', icon: 'sun' },
  { theme: 'system', label: 'As the system', icon: 'screen' },
  { theme: 'dark', label: 'Dark', icon: 'moon' },
];

function Views({ state, go }: Navigation) {
  return (
    <nav class="segments" aria-label="Views">
      {views.map(({ view, label }) => (
        <a
          key={view}
          href={address({ ...state, view })}
          aria-current={state.view === view ? 'page' : undefined}
          data-testid={`view-${view}`}
          onClick={(event) => {
            // Opening a new tab or window is left to the browser.
            if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
            event.preventDefault();
            go({ view });
          }}
        >
          {label}
        </a>
      ))}
    </nav>
  );
}

function ThemeSwitch() {
  const [theme, choose] = useTheme();
  return (
    <fieldset class="segments themes" data-testid="theme">
      <legend class="visually-hidden">Colours</legend>
      {themes.map((each) => (
        <label key={each.theme} title={each.label}>
          <input
            type="radio"
            name="theme"
            class="visually-hidden"
            value={each.theme}
            checked={theme === each.theme}
            onChange={() => choose(each.theme)}
            data-testid={`theme-${each.theme}`}
          />
          <Icon name={each.icon} size={16} />
          <span class="visually-hidden">{each.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface Props {
  navigation: Navigation;
  live: Live;
  /** By a link that shows one tenant: there is only the overview. */
  limited: boolean;
}

export function Header({ navigation, live, limited }: Props) {
  const home = start(navigation.state);
  return (
    <header class="top">
      <a
        class="name"
        href={address(home)}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
          event.preventDefault();
          navigation.go(home);
        }}
      >
        <span class="mark">
          <Icon name="logo" size={18} />
        </span>
        Millrace
      </a>
      {!limited && <Views {...navigation} />}
      <LiveState live={live} />
      <ThemeSwitch />
    </header>
  );
}
