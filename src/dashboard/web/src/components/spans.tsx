// Which time: spans up to now, calendar days, weeks and months, or a start and an end.
import type { Overview } from '../api';
import type { Navigation } from '../state';
import { Menu } from './menu';

const spans = [
  { span: '15m', label: '15 min', long: 'the last 15 minutes' },
  { span: '1h', label: '1 hour', long: 'the last hour' },
  { span: '24h', label: '24 hours', long: 'the last 24 hours' },
  { span: '2d', label: '2 days', long: 'the last 2 days' },
  { span: '7d', label: '7 days', long: 'the last 7 days' },
  { span: '30d', label: '30 days', long: 'the last 30 days' },
] as const;

const more = [
  { span: '90d', label: '90 days' },
  { span: 'today', label: 'Today' },
  { span: 'yesterday', label: 'Yesterday' },
  { span: 'week', label: 'This week' },
  { span: 'last-week', label: 'Last week' },
  { span: 'month', label: 'This month' },
  { span: 'last-month', label: 'Last month' },
  { span: 'year', label: 'This year' },
] as const;

interface Props {
  navigation: Navigation;
  /** The last answer, whose span the server may have chosen. */
  data: Overview | null;
  custom: boolean;
  openCustom: (open: boolean) => void;
}

const lengths: Record<string, number> = { '15m': 900, '1h': 3600, '24h': 86_400, '7d': 604_800, '30d': 2_592_000 };

/** Is what is shown about so many seconds long? It begins where a bucket does, and ends now. */
function isAbout({ from, to, bucket_seconds: bucket }: Overview, seconds: number): boolean {
  return Math.abs((Date.parse(to) - Date.parse(from)) / 1000 - seconds) <= bucket;
}

export function Spans({ navigation, data, custom, openCustom }: Props) {
  const { state, go } = navigation;
  const own = 'from' in state.range;
  const usual = spans.find(({ span }) => data && isAbout(data, lengths[span] ?? 0))?.span;
  const span = 'from' in state.range ? null : (state.range.span ?? usual ?? null);
  const inMore = span !== null && !spans.some((each) => each.span === span);
  const named = more.find((each) => each.span === span)?.label;
  const choose = (next: string) => {
    openCustom(false);
    go({ range: { span: next } });
  };
  return (
    <div class="segments spans" role="group" aria-label="Time">
      {spans.map((each) => (
        <button
          key={each.span}
          type="button"
          aria-pressed={span === each.span && !custom}
          title={each.long}
          data-testid={`span-${each.span}`}
          onClick={() => choose(each.span)}
        >
          {each.label}
        </button>
      ))}
      <Menu label={inMore ? (named ?? span) : 'More'} testid="span-more" pressed={inMore && !custom}>
        {(close) => (
          <div class="choices" role="group" aria-label="More times">
            {more.map((each) => (
              <button
                key={each.span}
                type="button"
                aria-pressed={span === each.span}
                data-testid={`span-${each.span}`}
                onClick={() => {
                  close();
                  choose(each.span);
                }}
              >
                {each.label}
              </button>
            ))}
          </div>
        )}
      </Menu>
      <button
        type="button"
        aria-pressed={own || custom}
        aria-expanded={own || custom}
        data-testid="span-custom"
        onClick={() => openCustom(!custom)}
      >
        Custom
      </button>
    </div>
  );
}
