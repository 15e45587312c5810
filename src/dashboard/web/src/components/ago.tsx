// A time, shown as how long before the answer it was. Pointing at it shows the exact time.
import { ago } from '../format';
import { useTimes } from '../times';

export function Ago({ time, now, never = '–' }: { time: string | null; now: string; never?: string }) {
  const { fullTime } = useTimes();
  if (time === null) return <span class="muted">{never}</span>;
  return (
    <time dateTime={time} title={fullTime(time)}>
      {ago(time, now)}
    </time>
  );
}
