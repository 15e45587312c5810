// A state as icon, word and colour: never by colour alone.
import type { Health as State } from '../api';
import { Icon } from './icon';

const looks = {
  ok: { icon: 'check', word: 'ok' },
  warning: { icon: 'warning', word: 'warning' },
  bad: { icon: 'bad', word: 'bad' },
} as const;

export function Health({ state }: { state: State }) {
  const { icon, word } = looks[state];
  return (
    <span class={`health ${state}`} data-testid="health" data-state={state}>
      <Icon name={icon} size={14} /> {word}
    </span>
  );
}
