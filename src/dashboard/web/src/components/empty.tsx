// Before the first event, or the first rollup: how to get there. The stream stays open, so the figures appear here without a
// reload.
import type { Family } from '../api';
import { CopyButton } from './copy-button';

interface Way {
  title: string;
  text: string;
  command: string;
}

/** For the table that the generator fills, and any other. */
function ways(source: string): Way[] {
  const events = /^(public\.)?events$/.test(source);
  const load = `millrace load clicks.csv${events ? '' : ` --table ${source}`}`;
  const own = { title: 'Load your own', text: 'From a CSV file with a header line:', command: load };
  if (!events) return [own];
  return [
    {
      title: 'Try it with made-up events',
      text: 'An hour of them, up to now:',
      command: 'millrace generate --rows 100000 --into-database',
    },
    own,
    {
      title: 'Send one',
      text: 'From any client of PostgreSQL, psql for one:',
      command:
        'INSERT INTO events (customer_id, event_type, country, browser, device_id, session_id) ' +
        "VALUES (1, 'page_view', 'DE', 'Firefox', 42, 7);",
    },
  ];
}

const fromAFile: Way = {
  title: 'From a file',
  text: 'This makes a table and rollups for a CSV file, and loads it:',
  command: 'millrace init clicks.csv --apply',
};

const counted = ['', 'One way', 'Two ways', 'Three ways'];

export function Empty({ family }: { family: Family | null }) {
  const shown = family ? ways(family.source ?? 'events') : [fromAFile];
  return (
    <section class="empty" data-testid="empty">
      <h1>{family ? 'No events yet' : 'No rollups yet'}</h1>
      <p class="lead">
        The figures appear here by themselves as soon as the first {family ? 'event' : 'rollup'} is there.{' '}
        {counted[shown.length]} to {family ? 'send it' : 'make it'}:
      </p>
      <ol>
        {shown.map(({ title, text, command }) => (
          <li key={title} class="panel">
            <h2>{title}</h2>
            <p class="muted">{text}</p>
            <div class="command">
              <pre>{command}</pre>
              <CopyButton text={command} what="the command" />
            </div>
          </li>
        ))}
      </ol>
      <p class="waiting muted">
        <span class="dot" aria-hidden="true" /> Waiting for the first {family ? 'event' : 'rollup'}
      </p>
    </section>
  );
}
