// A time, shown as how long before the answer it was. Pointing at it shows the exact time.
import { ago, fullTime } from '../format';

export function Ago({ time, now, never = '–' }: { time: string | null; now: string; never?: string }) {
  if (time === null) return <span class="muted">{never}</span>;
  return (
    <time dateTime={time} title={fullTime(time)}>
      {ago(time, now)}
    </time>
  );
}
