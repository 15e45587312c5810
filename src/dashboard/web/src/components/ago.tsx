// A time as how long before the answer it was; the exact time is to be had by pointing at it.
import { ago, fullTime } from '../format';

export function Ago({ time, now, never = '–' }: { time: string | null; now: string; never?: string }) {
  if (time === null) return <span class="muted">{never}</span>;
  return (
    <time dateTime={time} title={fullTime(time)}>
      {ago(time, now)}
    </time>
  );
}
