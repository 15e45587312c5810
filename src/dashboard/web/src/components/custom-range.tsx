// A start and an end, by the clock of the page's zone.
import { useEffect, useState } from 'preact/hooks';
import { instant, type Navigation } from '../state';
import { useTimes } from '../times';

interface Props {
  /** What is shown: the first proposal. */
  from: string | undefined;
  to: string | undefined;
  go: Navigation['go'];
  done: () => void;
}

export function CustomRange({ from: shownFrom, to: shownTo, go, done }: Props) {
  const times = useTimes();
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const [wrong, setWrong] = useState('');
  // Not whenever new figures come: what is being typed must stay.
  useEffect(() => {
    const now = Date.now();
    setFrom(times.input(shownFrom ?? instant(now - 3_600_000)));
    setTo(times.input(shownTo ?? instant(now)));
    setWrong('');
  }, [times]);

  const apply = (event: Event) => {
    event.preventDefault();
    const [start, end] = [times.instant(from), times.instant(to)];
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
