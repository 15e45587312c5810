// Which tenant and which time: a picker, spans up to now, or a start and an end.
import { useEffect, useState } from 'preact/hooks';
import { localInput } from '../format';
import { instant, spans, type Navigation, type Range } from '../state';
import { TenantPicker } from './tenant-picker';

function Custom({ range, go, done }: { range: Range; go: Navigation['go']; done: () => void }) {
  const custom = 'from' in range ? range : null;
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [wrong, setWrong] = useState('');
  useEffect(() => {
    const now = Date.now();
    setFrom(localInput(custom?.from ?? instant(now - 3_600_000)));
    setTo(localInput(custom?.to ?? instant(now)));
    setWrong('');
  }, [custom?.from, custom?.to]);

  const apply = (event: Event) => {
    event.preventDefault();
    const [start, end] = [Date.parse(from), Date.parse(to)];
    if (Number.isNaN(start) || Number.isNaN(end)) setWrong('Both times are needed.');
    else if (start >= end) setWrong('The first time must lie before the second.');
    else {
      go({ range: { from: instant(start), to: instant(end) } });
      done();
    }
  };

  return (
    <form class="custom" onSubmit={apply} noValidate data-testid="custom">
      <label>
        <span>From</span>
        <input
          type="datetime-local"
          value={from}
          onInput={(event) => setFrom(event.currentTarget.value)}
          data-testid="custom-from"
        />
      </label>
      <label>
        <span>To</span>
        <input
          type="datetime-local"
          value={to}
          onInput={(event) => setTo(event.currentTarget.value)}
          data-testid="custom-to"
        />
      </label>
      <button type="submit" class="button primary" data-testid="custom-apply">
        Show
      </button>
      {wrong !== '' && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
    </form>
  );
}

export function Toolbar({ navigation }: { navigation: Navigation }) {
  const { state, go } = navigation;
  const [opened, setOpened] = useState(false);
  const custom = 'from' in state.range;
  const chosen = 'span' in state.range ? state.range.span : null;
  return (
    <div class="toolbar" role="region" aria-label="What is shown">
      <TenantPicker tenant={state.tenant} choose={(tenant) => go({ tenant })} />
      <div class="segments spans" role="group" aria-label="Time">
        {spans.map(({ span, label, long }) => (
          <button
            key={span}
            type="button"
            aria-pressed={chosen === span && !opened}
            title={long}
            data-testid={`span-${span}`}
            onClick={() => {
              setOpened(false);
              go({ range: { span } });
            }}
          >
            {label}
          </button>
        ))}
        <button
          type="button"
          aria-pressed={custom || opened}
          aria-expanded={custom || opened}
          data-testid="span-custom"
          onClick={() => setOpened(!opened)}
        >
          Custom
        </button>
      </div>
      {(custom || opened) && <Custom range={state.range} go={go} done={() => setOpened(false)} />}
    </div>
  );
}
